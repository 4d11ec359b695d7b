"""What the comparison page's views share: a figure with its downloads, images with predictions."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.downloads import offer_download
from app.server.folders import allowed_folder, find_folder
from fer.columns import PROBABILITIES
from fer.compare.fer2013 import read_test_images
from fer.compare.metrics import Predictions
from fer.compare.paired import listing
from fer.emotions import EMOTIONS
from fer.errors import FerError
from fer.faces.images import read_image
from fer.scoring.rows import safe_path

GALLERY = 24  # faces shown before the visitor asks for the rest
FACE = 96  # pixels on the page; the images have 48


def show(
    figure: go.Figure,
    table: pd.DataFrame,
    name: str,
    alt: str,
    on_select: Callable[[], None] | None = None,
) -> None:
    """Show a figure with its two downloads: the picture in its own corner, the numbers below."""
    st.plotly_chart(
        figure,
        key=name,
        config={
            "displaylogo": False,
            "displayModeBar": True,
            "modeBarButtons": [["toImage"]],
            "toImageButtonOptions": {"format": "png", "scale": 3, "filename": name},
        },
        on_select=on_select or "ignore",
        selection_mode="points",
        alt=alt,
    )
    numbers(table, name)


def numbers(table: pd.DataFrame, name: str) -> None:
    """Offer a figure's numbers as CSV, in which no photo's name runs as a formula."""

    def make() -> str:
        safe = table.map(lambda value: safe_path(value) if isinstance(value, str) else value)
        return safe.to_csv(index=False)

    offer_download(
        "Numbers as CSV", make, f"{name}.csv", "text/csv", f"csv-{name}", type="tertiary"
    )


def show_images(models: Sequence[Predictions], rows: Sequence[object], name: str) -> None:
    """Show images as a gallery, where the data is at hand, and as a table with probabilities.

    The captions are the first model's predictions. Rows that are paths are a visitor's own photos,
    of which the page has no pictures.
    """
    if not rows:
        return
    table = listing(models, rows)
    own = isinstance(rows[0], str)
    if not own:
        show_gallery(table, [predictions.name for predictions in models], name)
    shown = table[["row", "true"]].copy()
    columns: dict[str, Any] = {"row": "photo" if own else "row in fer2013.csv"}
    for predictions in models:
        shown[f"{predictions.name}: named"] = table[f"{predictions.name}: named"]
        shown[f"{predictions.name}: confidence"] = table[f"{predictions.name}: confidence"]
        seven = [f"{predictions.name}: {column}" for column in PROBABILITIES]
        shown[f"{predictions.name}: all seven"] = table[seven].to_numpy().round(3).tolist()
        columns[f"{predictions.name}: confidence"] = st.column_config.NumberColumn(format="percent")
        columns[f"{predictions.name}: all seven"] = st.column_config.BarChartColumn(
            y_min=0, y_max=1, help=f"In the order {', '.join(EMOTIONS)}"
        )
    st.dataframe(shown, hide_index=True, column_config=columns, height=280,
                 alt="The images with each model's answer")  # fmt: skip
    numbers(table, name)


def show_gallery(table: pd.DataFrame, models: Sequence[str], name: str) -> None:
    """Show the test images themselves, each with its true and its predicted emotion."""
    try:
        folder = data_folder()
        if folder is not None:
            draw_gallery(folder, table, models, name)
    except FerError as error:
        st.warning(str(error), icon=":material/folder_off:")


def draw_gallery(folder: Path, table: pd.DataFrame, models: Sequence[str], name: str) -> None:
    """Draw test images with what is true, and what the first one or two models say.

    Args:
        folder: of FER-2013.
        table: as `fer.compare.paired.listing` returns it.

    Raises:
        FerError: if the images cannot be read.
    """
    count = len(table)
    if count > GALLERY and not st.toggle(f"Show all {count} images", key=f"all-{name}"):
        count = GALLERY
    lines = table.head(count)
    found = read_test_images(folder, lines["row"].tolist())
    said = models[:2]
    pictures, captions = [], []
    for line in lines.to_dict("records"):
        if line["row"] in found:
            pictures.append(read_image(found[line["row"]]))
            named = [
                f"{line[f'{model}: named']} {line[f'{model}: confidence']:.0%}" for model in said
            ]
            captions.append(" / ".join([line["true"], *named]))
    if not pictures:
        st.warning(f"None of these images is in {folder}.", icon=":material/folder_off:")
        return
    st.caption(f"true / {' / '.join(said)}, with the confidence")
    st.image(pictures, captions, width=FACE, alt=captions)


def folder_at_hand() -> Path | None:
    """Return the folder of FER-2013 that is known already, if it holds the test images."""
    try:
        folder = _named_folder(st.session_state.get("data_folder", ""))
    except FerError:
        return None
    return folder if folder and (folder / "test.parquet").is_file() else None


def data_folder() -> Path | None:
    """Return the folder of FER-2013: `$FER_DATA`, or one that is named here by who may.

    Raises:
        FolderRefused: if there is no such folder where the visitor may read.
    """
    if _allowed() is None:
        return _named_folder("")
    return _named_folder(
        st.text_input(
            "Folder of FER-2013, to see the images themselves",
            os.environ.get("FER_DATA", ""),
            key="data_folder",
            placeholder="a folder with test.parquet",
            persist_state="session",
        )
    )


def _named_folder(text: str) -> Path | None:
    """Return the folder that a visitor names, or `$FER_DATA`, which needs no leave.

    Raises:
        FolderRefused: as `data_folder`.
    """
    own, allowed = os.environ.get("FER_DATA", ""), _allowed()
    if text in ("", own) or allowed is None:
        return Path(own) if own else None
    return find_folder(text, allowed)


def _allowed() -> Path | None:
    return allowed_folder(st.get_option("server.address"), st.context.headers)
