"""The faces of a batch: page by page, each with a way to its photo, and to be labelled."""

from collections.abc import Hashable, Mapping
from contextlib import suppress
from typing import Any

import pandas as pd
import streamlit as st
from PIL import Image

from app.batch.labelling import show_labelling
from app.choice import ORDERS, ordered
from app.pictures import jpeg, room, with_faces
from app.server.jobs import Job
from app.shared import plain
from fer.columns import PROBABILITIES
from fer.emotions import EMOTIONS
from fer.errors import NoLongerKept
from fer.wording import named

GALLERY = 48  # faces on a page


def show_gallery(job: Job, rows: pd.DataFrame) -> None:
    """Show the faces of rows, page by page, or one after the other to be labelled."""
    faces = rows[rows["emotion"].notna()]
    kept = faces[faces.index.isin(list(job.result.crops))]
    if kept.empty:
        st.caption("No faces here.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        labelling = st.session_state.get("labelling") == job.id
        # No selectbox and no toggle: while one has the focus, as after a click on it, no key is
        # a shortcut.
        order = st.segmented_control("Order", ORDERS, key="order", default=ORDERS[0], required=True)
        st.button(
            "Back to all faces" if labelling else "Label these faces",
            icon=":material/arrow_back:" if labelling else ":material/label:",
            key="labelling-button",
            help="Say what each face shows; the comparison page then tells how right the model is.",
            on_click=turn_labelling,
            args=(job, not labelling),
        )
    if len(kept) < len(faces):
        st.caption(
            f"Pictures of {len(kept):,} of these {len(faces):,} faces are kept: the first of each "
            "emotion."
        )
    kept = ordered(kept, order)
    if labelling:
        show_labelling(job, kept.index.tolist())
        return
    pages = -(-len(kept) // GALLERY)
    page = st.pagination(pages, key=f"page-{pages}") if pages > 1 else 1
    first = (page - 1) * GALLERY
    part = kept.iloc[first : first + GALLERY]
    st.caption(f"{first + 1:,} to {first + len(part):,} of {len(kept):,}")
    with st.grid(min_column_width=130):
        for index, row in zip(part.index.tolist(), part.to_dict("records"), strict=True):
            show_thumbnail(job, index, row)


def turn_labelling(job: Job, on: bool) -> None:
    """Keep for which batch the faces are labelled."""
    st.session_state.labelling = job.id if on else None


def said_of(row: Mapping[Hashable, Any]) -> str:
    """Return what a row's face shows."""
    shares = {name: row[column] for name, column in zip(EMOTIONS, PROBABILITIES, strict=True)}
    return named(shares, bool(row["certain"]))


def show_thumbnail(job: Job, index: int, row: Mapping[Hashable, Any]) -> None:
    """Show a face, what it shows, and the name of its photo, which opens it."""
    said = said_of(row)
    with st.container(gap="xxsmall"):
        st.image(
            job.result.crops[index],
            caption=said,
            width="stretch",
            alt=f"Face {row['face']} of {row['path']}: {said}",
        )
        name = str(row["path"])
        if name in job.result.pictures:
            st.button(
                plain(name.rpartition("/")[2]),
                key=f"photo-{index}",
                on_click=open_photo,
                args=(job, name, row["face"]),
                type="tertiary",
                wrap=False,
                help=plain(name),
            )
        else:
            st.caption(plain(name))


def open_photo(job: Job, path: str, face: int) -> None:
    """Show a photo with the boxes of its faces, one of them marked."""
    with suppress(NoLongerKept):  # the page, which runs next, says so
        picture = with_faces(job.result.pictures[path], job.rows_of(path), marked=face)
        show_photo(picture, path, face)


@st.dialog("The face in its photo", width="large")
def show_photo(picture: Image.Image, path: str, face: int) -> None:
    """Show a picture of a photo with its faces, and the photo's name."""
    st.text(path)
    st.image(
        jpeg(picture),
        width=room(picture.size),
        alt=f"{path} with its faces; marked is face {face}",
    )
