"""By what an answer is right: the choice above all of the comparison page's figures."""

from collections.abc import Mapping

import streamlit as st

from fer.artifacts import Artifact
from fer.ferplus import Measure

NAMES: dict[str, Measure] = {"FER-2013's label": "label", "FER+ votes": "votes"}


def pick_measure(found: Mapping[str, Artifact]) -> Measure:
    """Let the visitor say what right means, where the models were measured by both."""
    if not any("votes" in artifact.measures for artifact in found.values()):
        return "label"
    name = st.segmented_control(
        "Right by",
        list(NAMES),
        default=next(iter(NAMES)),
        required=True,
        key="measure",
        bind="query-params",
    )
    return NAMES[name]


def say_measure(measure: Measure, images: int, found: Mapping[str, Artifact]) -> None:
    """Say in a sentence what the measure means, and which models were not measured by it."""
    if measure == "label":
        st.caption(
            f"FER-2013's own label is one person's opinion of each of the {images:,} test images: "
            "the measure of the study and of published work."
        )
        return
    total = max(len(artifact.predictions) for artifact in found.values())
    st.caption(
        f"The FER+ votes are ten people's opinions: of the {total:,} test images, {images:,} have "
        "one emotion that more of them saw than anything else. Nearer to what people see in photos."
    )
    if unvoted := [name for name, artifact in found.items() if measure not in artifact.measures]:
        st.caption(
            f"Not measured by the votes, and left out: {', '.join(unvoted)}; `python -m training "
            "evaluate NAME --data DIR --write` measures a model anew."
        )
