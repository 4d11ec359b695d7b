"""By what an answer is right: the choice above all of the comparison page's figures."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from fer.artifacts import Artifact
from fer.compare.fer2013 import IN_TRAIN
from fer.ferplus import CALLED, Measure

NAMES = {name: measure for measure, name in CALLED.items()}


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


def pick_images() -> bool:
    """Let the visitor leave out the test images that stand in train too; return whether to."""
    return st.toggle(
        "Unseen images alone",
        key="unseen",
        bind="query-params",
        help=f"{len(IN_TRAIN)} test images stand among the training images too, pixel for pixel.",
    )


def on_images(table: pd.DataFrame, unseen: bool) -> pd.DataFrame:
    """Return a model's predictions, without the images that stand in train if `unseen`."""
    return table[~table["row"].isin(IN_TRAIN)].reset_index(drop=True) if unseen else table


def say_measure(measure: Measure, images: int, unseen: bool, found: Mapping[str, Artifact]) -> None:
    """Say in a sentence what the measure means, and which models were not measured by it."""
    left_out = " Those that stand in train too are left out." if unseen else ""
    if measure == "label":
        st.caption(
            f"FER-2013's own label is one person's opinion of each of the {images:,} test images: "
            f"the measure of the study and of published work.{left_out}"
        )
        return
    total = max(len(on_images(artifact.predictions, unseen)) for artifact in found.values())
    st.caption(
        f"The FER+ votes are ten people's opinions: of the {total:,} test images, {images:,} have "
        "one emotion that more of them saw than anything else. Nearer to what people see in "
        f"photos.{left_out}"
    )
    if unvoted := [name for name, artifact in found.items() if measure not in artifact.measures]:
        st.caption(
            f"Not measured by the votes, and left out: {', '.join(unvoted)}; `python -m training "
            "evaluate NAME --data DIR --write` measures a model anew."
        )


def settings(measure: Measure, images: int, unseen: bool, emotion: str) -> dict[str, str]:
    """Return what was chosen, by what it is called, for a report."""
    return {
        "right by": CALLED[measure],
        "images": f"{images:,} test images of FER-2013"
        + (", without those that stand in train too" if unseen else ""),
        "with an eye to": emotion,
    }
