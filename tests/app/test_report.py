import re

import pandas as pd
import plotly.graph_objects as go

from app.notice import NOTICE
from app.report import card, cards, document, facts, figure, heading, limits_of, sentence, table
from fer.artifacts import DEFAULT_MODEL, Artifact

HOSTILE = "</script><img src=x onerror=alert(1)>"


def test_nothing_of_a_name_is_markup():
    drawn = figure(go.Figure(go.Bar(x=[HOSTILE], y=[1], name=HOSTILE)), HOSTILE)
    parts = [heading(HOSTILE), sentence(HOSTILE), facts({HOSTILE: HOSTILE}), drawn]
    parts.append(table(pd.DataFrame({HOSTILE: [HOSTILE]})))
    page = document(HOSTILE, parts).decode()
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 8
    assert sentence("**bold** <b>") == "<p><strong>bold</strong> &lt;b&gt;</p>"


def test_a_report_holds_all_that_it_needs_once():
    drawn = [figure(go.Figure(go.Bar(x=["a"], y=[1])), f"Figure {number}") for number in range(2)]
    page = document("Two figures", drawn).decode()
    assert page.count("plotly.js v") == 1
    assert page.count("Plotly.newPlot(") == 2
    assert "Article 50(3)" in NOTICE
    assert NOTICE in page
    outside = page.partition("<style>")[2].replace(
        page.partition("<script>")[2].partition("</script>")[0], ""
    )
    assert not re.search(r"""(src|href)=["']?http""", outside)


def test_a_card_says_what_a_model_is_and_how_far_to_believe_it():
    artifact = Artifact.find(DEFAULT_MODEL)
    found = card(artifact)
    assert found["weights"] == f"{artifact.parameters:,}"
    assert found["right by FER+ votes"].startswith(f"{artifact.accuracy('test', 'votes'):.1%} of")
    assert "An expression is not a feeling." in limits_of(artifact)
    assert "".join(cards([artifact, artifact])).count("An expression is not a feeling.") == 1


def test_a_folder_without_a_card_has_no_limits_to_state(tmp_path):
    assert limits_of(Artifact(tmp_path)) == ""
