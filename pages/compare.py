"""The models side by side: which to trust, for what, whether that is chance, what it costs.

Everything shown is read from the models' folders; weights are loaded only to time them.
"""

from functools import partial

import streamlit as st

from app.compare.answer import short_answer
from app.compare.board import show_answers, show_leaderboard, show_references, show_rivals
from app.compare.breaks import breaks
from app.compare.cost import cost
from app.compare.head_to_head import head_to_head
from app.compare.measure import on_images, pick_images, pick_measure, say_measure, settings
from app.compare.models import by_label, leaderboard, read_all, read_histories
from app.compare.own_data import own_data
from app.compare.people import people
from app.compare.report import comparison_report
from app.compare.study import study
from app.compare.trust import trust
from app.compare.views import calibration, confusion, learning, per_class
from app.figures.comparison import model_colours
from app.report import offer_report
from app.routing import by_way_of_the_router
from fer.compare.metrics import Predictions
from fer.emotions import EMOTIONS

VIEWS = (
    "Overview", "When to trust it", "What people agree on", "When it breaks", "Confusion",
    "Per emotion", "Calibration", "Cost", "Learning curves", "Head to head", "The study",
    "Your own data",
)  # fmt: skip

by_way_of_the_router()
st.title("Which model to trust, and for what")
found, reasons = read_all()
for name, reason in reasons.items():
    st.warning(f"**{name}** is left out. {reason}", icon=":material/broken_image:")
histories, remarks = read_histories(found)
for name, remark in remarks.items():
    st.warning(f"**{name}** is shown in part. {remark}", icon=":material/broken_image:")
if not found:
    st.info("There is no model to compare yet: `python -m training train cnn --data DIR`.")
    st.stop()
with st.container(key="answer"):
    # It has its place before it is found: a column is there even when it is empty.
    (answer,) = st.columns(1)
with st.container(horizontal=True, vertical_alignment="bottom", key="choices"):
    measure = pick_measure(found)
    unseen = pick_images()
    emotion = st.selectbox("For", EMOTIONS, index=1, key="emotion", bind="query-params", width=140)
    report = st.container(width="content")
models = {
    name: Predictions(
        name, on_images(artifact.labelled(measure), unseen), artifact.config.temperature
    )
    for name, artifact in found.items()
    if measure in artifact.measures
}
colours = model_colours(list(found))
table = leaderboard(found, models, measure)
ranked = table["model"].tolist()
most = max(len(predictions.table) for predictions in models.values())
say_measure(measure, most, unseen, found)
own = table[[found[name].source is None for name in ranked]].reset_index(drop=True)
own = own if len(own) else table
own_models = {name: models[name] for name in own["model"]}
said = short_answer(own, own_models, emotion)
answer.header(said, anchor=False)
best = ranked[:2]
# A default is taken once: the best by another measure, or on other images, take their place here.
before = st.session_state.get("best", best)
moved = best != before and set(before) == set(st.session_state.get("models") or ())
if moved:
    st.session_state.models = best
st.session_state.best = best
chosen_names = st.pills(
    "Compare",
    ranked,
    selection_mode="multi",
    default=None if moved else best,  # what the session holds is no default
    key="models",
    bind="query-params",
)
view = st.segmented_control(
    "View",
    VIEWS,
    default=VIEWS[0],
    required=True,
    key="view",
    bind="query-params",
    label_visibility="collapsed",
)
chosen = [models[name] for name in ranked if name in (chosen_names or [])]
artifacts = [found[predictions.name] for predictions in chosen]
with report:
    asked = settings(measure, most, unseen, emotion)
    make = partial(comparison_report, said, asked, table, chosen, found)
    offer_report("Report", make, "comparison-report")
if view == "Overview":
    show_answers(own, own_models, emotion)
    st.header("Leaderboard")
    show_leaderboard(table)
    show_rivals(found, {name: models[name] for name in ranked}, own["model"].iloc[0])
    show_references(by_label(found))
elif view == "Cost":
    cost(table, found, colours)
elif view == "The study":
    study(found, models)
elif view == "Your own data":
    own_data()
elif not chosen:
    st.info("Choose a model above.", icon=":material/touch_app:")
elif view == "When to trust it":
    trust(chosen, {name: artifact.config.threshold for name, artifact in found.items()}, colours)
elif view == "What people agree on":
    tables = {artifact.name: on_images(artifact.predictions, unseen) for artifact in artifacts}
    people(chosen, tables, colours)
elif view == "When it breaks":
    others = [found[name] for name in ranked if found[name] not in artifacts]
    breaks(artifacts, others, measure, colours)
elif view == "Confusion":
    confusion(chosen)
elif view == "Per emotion":
    per_class(chosen, colours, artifacts)
elif view == "Calibration":
    calibration(chosen, colours)
elif view == "Learning curves":
    learning(artifacts, histories, colours)
else:
    head_to_head(list(models.values()), [predictions.name for predictions in chosen], colours)
