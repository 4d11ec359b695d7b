"""The comparison page's views: each takes predictions and shows figures and their numbers.

They serve the test images and a visitor's own photos alike; `place` keeps their widgets apart.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from app.compare.images import draw_gallery, folder_at_hand, show, show_images
from app.figures.comparison import (
    class_shares,
    emotion_bars,
    learning_curves,
    reliability_diagram,
)
from app.figures.matrices import NO_SHARE, confusion_difference, confusion_matrix
from fer.artifacts import Artifact
from fer.compare.fer2013 import OFFICIAL_CLASSES
from fer.compare.metrics import (
    Predictions,
    calibration_error,
    calibration_table,
    confusion_table,
    per_emotion,
    share_and_recall,
)
from fer.compare.paired import cell_rows, listing, p_text
from fer.config import ENSEMBLE
from fer.emotions import EMOTIONS
from fer.errors import FerError
from fer.wording import counted


def confusion(models: Sequence[Predictions], place: str = "") -> None:
    """Show confusion matrices side by side, and the images of the cell that is clicked."""
    kinds = ["Counts", "Percent", *(["Difference"] if len(models) == 2 else [])]
    kind = st.segmented_control(
        "Cells show", kinds, default=kinds[1], required=True, key=f"{place}cells",
        bind="query-params",
    )  # fmt: skip
    folder = None if place else folder_at_hand()
    st.caption(
        "Click a cell to see its images." if folder else "Click a cell to list what is in it below."
    )
    cells = confusion_table(models)
    shares = kind != "Counts"
    by_model = {
        predictions.name: cells[cells["model"] == predictions.name] for predictions in models
    }
    if kind == "Difference":
        first, second = by_model
        figure, table = confusion_difference(by_model[first], by_model[second])
        st.markdown(
            f"Where **{second}** is better (blue) or worse (red) than **{first}**: how many more "
            "of each hundred images of the true emotion it names so."
        )
        name = f"{place}confusion-difference"
        show(figure, table, name, f"Confusion of {second} less that of {first}",
             pick_cell(name, second, place))  # fmt: skip
    else:
        top = 1.0 if shares else float(cells["images"].max())
        with st.grid(min(len(models), 3), min_column_width=330):
            for model, lines in by_model.items():
                with st.container():
                    st.markdown(f"**{model}**")
                    name = f"{place}confusion-{model}"
                    show(confusion_matrix(lines, shares, top), lines, name,
                         f"Confusion matrix of {model}", pick_cell(name, model, place))  # fmt: skip
        st.caption(
            "All matrices share one colour scale; each row is what the images of one true emotion "
            "are named."
        )
    if shares and cells["share"].isna().any():
        st.caption(f"{NO_SHARE} stands in the row of an emotion of which there are no images.")
    show_cell(models, place)
    picked = st.session_state.pop(f"{place}picked", None)
    if folder is not None and picked:
        open_cell(models, folder, *picked)


def pick_cell(chart: str, model: str, place: str) -> Callable[[], None]:
    """Return what a click on a matrix does: choose the model and the cell to list."""

    def pick() -> None:
        points = st.session_state[chart]["selection"]["points"]
        if points:
            true, predicted = points[0]["customdata"][:2]
            st.session_state[f"{place}by"] = model
            st.session_state[f"{place}true"] = true
            st.session_state[f"{place}named"] = predicted
            st.session_state[f"{place}picked"] = (model, true, predicted)

    return pick


@st.dialog("Images of a cell", width="large")
def open_cell(
    models: Sequence[Predictions], folder: Path, by: str, true: str, predicted: str
) -> None:
    """Show a cell's images over the page, where the click was."""
    order = sorted(models, key=lambda predictions: predictions.name != by)
    rows = cell_rows(order[0], true, predicted)
    st.markdown(cell_sentence(len(rows), by, true, predicted))
    if not rows:
        return
    names = [predictions.name for predictions in order]
    try:
        draw_gallery(folder, listing(order, rows), names, f"dialog-{true}-{predicted}-{by}")
    except FerError as error:
        st.warning(str(error), icon=":material/folder_off:")


def cell_sentence(images: int, by: str, true: str, predicted: str) -> str:
    """Say what is in a cell of a model's matrix."""
    verb = "right" if true == predicted else "wrong"
    return (
        f"{counted(images, 'image')} of **{true}** that {by} names **{predicted}** ({verb}), "
        "the most confident first"
    )


def show_cell(models: Sequence[Predictions], place: str) -> None:
    """List the images of one cell: those a model names so that are labelled so."""
    st.header("Images of a cell")
    names = [predictions.name for predictions in models]
    first, second, third = st.columns(3)
    true = first.selectbox(
        "True", EMOTIONS, index=None, key=f"{place}true", bind="query-params",
        placeholder="click a cell, or choose",
    )  # fmt: skip
    predicted = second.selectbox(
        "Named", EMOTIONS, index=None, key=f"{place}named", bind="query-params",
        placeholder="click a cell, or choose",
    )  # fmt: skip
    if st.session_state.get(f"{place}by") not in names:
        st.session_state.pop(f"{place}by", None)
    by = third.selectbox("By", names, key=f"{place}by", bind="query-params")
    if true is None or predicted is None or by is None:
        return
    predictions = next(predictions for predictions in models if predictions.name == by)
    rows = cell_rows(predictions, true, predicted)
    st.markdown(cell_sentence(len(rows), by, true, predicted))
    others = [other for other in models if other is not predictions]
    show_images([predictions, *others], rows, f"{place}cell-{true}-{predicted}-{by}")


def per_class(
    models: Sequence[Predictions],
    colours: Mapping[str, str],
    artifacts: Sequence[Artifact] = (),
    place: str = "",
) -> None:
    """Show precision, recall and F1 of each emotion beside its share of the training images."""
    table = per_emotion(models)
    counts = training_counts(artifacts)
    if counts is not None:
        say_imbalance(models, table, counts)
    with st.grid(2, min_column_width=330):
        if counts is not None:
            with st.container():
                st.markdown("**Share of the training images**")
                figure, shares = class_shares(counts)
                show(figure, shares, f"{place}training-share", "Share of the training images")
        for measure, title in (("recall", "Recall"), ("precision", "Precision"), ("f1", "F1")):
            with st.container():
                st.markdown(f"**{title}**")
                show(
                    emotion_bars(table, measure, colours),
                    table,
                    f"{place}{measure}",
                    f"{title} of each emotion",
                )
    st.caption("Lines on the bars are 95% intervals; F1 has none of its own.")


def training_counts(artifacts: Sequence[Artifact]) -> tuple[int, ...] | None:
    """Return the official class counts of train if the models saw just those images.

    An ensemble saw none itself.
    """
    official = OFFICIAL_CLASSES["train"]
    trained = [artifact for artifact in artifacts if artifact.get("network") != ENSEMBLE]
    images = {artifact.get("training", "images") for artifact in trained}
    return official if images == {sum(official)} else None


def say_imbalance(
    models: Sequence[Predictions], table: pd.DataFrame, counts: Sequence[int]
) -> None:
    """Answer the study's question: do the rarer emotions fare worse?"""
    lines = []
    for predictions in models:
        recalls = table[table["model"] == predictions.name]["recall"].tolist()
        correlation, p_value = share_and_recall(counts, recalls)
        lines.append(f"{predictions.name} {correlation:+.2f} ({p_text(p_value)})")
    most, least = max(counts) / sum(counts), min(counts) / sum(counts)
    rarest = EMOTIONS[list(counts).index(min(counts))]
    commonest = EMOTIONS[list(counts).index(max(counts))]
    st.markdown(
        f"**Are the classes unbalanced?** Yes: {commonest} is {most:.1%} of the training images, "
        f"{rarest} {least:.1%}. Rank correlation of an emotion's share with its recall, from −1 "
        f"to +1 over seven emotions: {'; '.join(lines)}."
    )


def calibration(models: Sequence[Predictions], colours: Mapping[str, str], place: str = "") -> None:
    """Show how often each model is right when it is as sure as it says."""
    table = calibration_table(models)
    with st.grid(min(len(models), 3), min_column_width=330):
        for predictions in models:
            lines = table[table["model"] == predictions.name]
            errors = {
                when: calibration_error(bins) for when, bins in lines.groupby("when", sort=False)
            }
            text = f"**{predictions.name}** · calibration error {errors['after']:.3f}"
            if "before" in errors:
                text += f", {errors['before']:.3f} before temperature {predictions.temperature:.2f}"
            with st.container():
                st.markdown(text)
                show(
                    reliability_diagram(lines, colours[predictions.name]),
                    lines,
                    f"{place}calibration-{predictions.name}",
                    f"Reliability diagram of {predictions.name}",
                )


def learning(
    artifacts: Sequence[Artifact],
    read: Mapping[str, pd.DataFrame],
    colours: Mapping[str, str],
) -> None:
    """Show loss and accuracy by epoch, on train and validation.

    Args:
        read: `history.csv` by model; where one cannot be read there is none.
    """
    histories = {
        artifact.name: read[artifact.name]
        for artifact in artifacts
        if artifact.name in read and len(read[artifact.name])  # of an ensemble there is none
    }
    if missing := [artifact.name for artifact in artifacts if artifact.name not in histories]:
        st.caption(f"No epochs are kept of {', '.join(missing)}.")
    if not histories:
        st.info("None of the chosen models has learning curves.", icon=":material/show_chart:")
        return
    table = pd.concat(
        [history.assign(model=name) for name, history in histories.items()], ignore_index=True
    )
    table = table[["model", *(column for column in table if column != "model")]]
    with st.grid(2, min_column_width=330):
        for measure in ("accuracy", "loss"):
            with st.container():
                st.markdown(f"**{measure.capitalize()}**")
                show(learning_curves(histories, measure, colours), table,
                     f"learning-{measure}", f"{measure} by epoch")  # fmt: skip
    kept = [
        f"{artifact.name} epoch {artifact.get('chosen', 'epoch')}"
        for artifact in artifacts
        if artifact.get("chosen", "epoch")
    ]
    st.caption(
        "Dotted: train, as measured while training, on augmented images. Solid: validation. "
        + (f"Kept: {', '.join(kept)}." if kept else "")
    )
