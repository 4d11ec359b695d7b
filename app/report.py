"""A result as one HTML file that stands alone: kept, sent on and printed, it asks for nothing."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from html import escape
from pathlib import Path
from string import Template

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from app.downloads import offer_download
from app.notice import NOTICE
from fer import __version__
from fer.artifacts import Artifact
from fer.ferplus import CALLED

PAGE = Path(__file__).with_name("report.html")


def offer_report(label: str, make: Callable[[], bytes], name: str) -> None:
    """Show the button that downloads a report.

    Args:
        label: of the button.
        make: makes it, when the button is pressed.
        name: of the file, without its ending.
    """
    offer_download(
        label,
        make,
        f"{name}.html",
        "text/html",
        "report",
        icon=":material/description:",
        help="One file with figures, settings, what the model cards say, and the limits. Any "
        "browser opens it without a network, and prints it.",
    )


def document(title: str, parts: Iterable[str]) -> bytes:
    """Put a report together.

    Args:
        title: as plain text.
        parts: HTML, as the functions below make it.
    """
    made = f"Made on {date.today():%Y-%m-%d} with fer-studio {__version__}."
    page = Template(PAGE.read_text()).substitute(
        title=escape(title),
        plotly=get_plotlyjs(),
        body="\n".join(parts),
        notice=escape(NOTICE),
        made=escape(made),
    )
    return page.encode()


def heading(text: str, level: int = 2) -> str:
    """Return a heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def bold(text: str) -> str:
    """Return text with what the pages write `**bold**` in bold, and nothing else of Markdown."""
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))


def sentence(text: str) -> str:
    """Return a paragraph of text."""
    return f"<p>{bold(text)}</p>"


def table(lines: pd.DataFrame, header: bool = True) -> str:
    """Return a table; its cells are shown as they are, empty ones as a dash."""
    shown = lines.astype(object).where(lines.notna(), "–")
    return f'<div class="table">{shown.to_html(index=False, header=header, border=0)}</div>'


def facts(found: Mapping[str, str]) -> str:
    """Return what is known by name as a table of two columns."""
    return table(pd.DataFrame(found.items()), header=False)


def figure(drawn: go.Figure, caption: str) -> str:
    """Return a figure that follows the page's width, under what it shows."""
    # The theme that Streamlit gives its figures holds colours that only its pages know.
    plain = go.Figure(drawn).update_layout(template="plotly_white", font_family="sans-serif")
    config = {"displayModeBar": False, "responsive": True}
    div = plain.to_html(config, include_plotlyjs=False, full_html=False,
                        default_height=f"{plain.layout.height}px")  # fmt: skip
    label = escape(caption, quote=True)
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>"
        f'<div role="img" aria-label="{label}">{div}</div></figure>'
    )


def cards(artifacts: Sequence[Artifact]) -> list[str]:
    """Return what the models' cards say first, and the limits, once for all models."""
    parts = [heading("The model" if len(artifacts) == 1 else "The models")]
    for artifact in artifacts:
        parts += [heading(artifact.name, 3), facts(card(artifact))]
    limits = list(dict.fromkeys(filter(None, map(limits_of, artifacts))))
    return parts + ([heading("Limits"), *limits] if limits else [])


def card(artifact: Artifact) -> dict[str, str]:
    """Return what there is to know of a model; what was not measured is left out."""
    found = {
        "what for": artifact.config.purpose,
        "comes from": artifact.source,
        "licence": artifact.get("licence"),
        "network": artifact.config.network_arguments.get("architecture", artifact.config.network),
        "began with": artifact.first_weights,
        "learnt from": artifact.get("learnt_from"),
    }
    if images := artifact.get("training", "images"):
        found["learnt from"] = (
            f"{images:,} images of FER-2013, {artifact.get('training', 'epochs')} epochs"
        )
    if weights := artifact.get("parameters"):
        found["weights"] = f"{weights:,}"
    for measure in artifact.measures:
        low, high = artifact.accuracy_interval("test", measure)
        found[f"right by {CALLED[measure]}"] = (
            f"{artifact.accuracy('test', measure):.1%} of the test images, 95% interval "
            f"{low:.1%} to {high:.1%}"
        )
    unseen = artifact.get("splits", "test", "not_in_train", "accuracy")
    if unseen is not None:
        found["the same by the label, on images that do not stand in train too"] = f"{unseen:.1%}"
    if artifact.config.threshold:
        found["certain from"] = f"{artifact.config.threshold:.0%}"
    return {name: str(value) for name, value in found.items() if value}


def limits_of(artifact: Artifact) -> str:
    """Return the limits that a model's card states; nothing where it has no card."""
    path = artifact.path / "README.md"
    text = path.read_text() if path.is_file() else ""
    paragraphs = text.partition("\n## Limits\n")[2].strip().split("\n\n")
    return "\n".join(_paragraph(paragraph) for paragraph in filter(None, paragraphs))


def _paragraph(text: str) -> str:
    if not text.startswith("- "):
        return sentence(text)
    items = "".join(f"<li>{bold(item)}</li>" for item in text[2:].split("\n- "))
    return f"<ul>{items}</ul>"
