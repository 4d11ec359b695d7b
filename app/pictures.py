"""Pictures that the pages show and give away: encoded, and with the faces of a table's rows."""

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Literal

import streamlit as st
from PIL import Image

from app.downloads import offer_download
from fer.columns import PROBABILITIES
from fer.drawing import Hiding, annotate, hide
from fer.faces.boxes import Box
from fer.recognizer import Face

HIDINGS: dict[str, Hiding | None] = {"shown": None, "blurred": "blurred", "covered": "covered"}
"""How a picture's faces may be given away, as the pages call it."""


def room(size: tuple[int, int]) -> Literal["stretch", "content"]:
    """Return how wide to show a picture of a width and height in pixels.

    It takes the room that there is; one much higher than wide, as a scrolled screen, would be many
    screens high then and keeps its own size.
    """
    width, height = size
    return "stretch" if height <= 2 * width else "content"


def offer_pictures(
    label: str, make: Callable[[Hiding | None], bytes], name: str, mime: str, note: str = ""
) -> None:
    """Offer pictures with their boxes, a download for each way to give their faces away.

    There is no choice beside one button: until the page has run again, that button would give
    what was chosen before, and so show faces that were to be covered.

    Args:
        label: what is given away.
        make: makes the file, when a button is pressed.
        name: of the file.
        mime: its kind.
        note: what else is to be said of it.
    """
    with st.popover(label, icon=":material/download:"):
        for said, hiding in HIDINGS.items():
            data = partial(make, hiding)
            offer_download(f"Faces {said}", data, name, mime, f"{label}-{said}")
        st.caption(f"Faces that were not found stay to be seen. {note}".strip())


def jpeg(picture: Image.Image) -> bytes:
    """Encode a picture to be shown or downloaded."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def with_faces(
    data: bytes,
    rows: Sequence[Mapping[str, Any]],
    marked: int | None = None,
    hiding: Hiding | None = None,
) -> Image.Image:
    """Draw the faces of a photo's rows onto a small picture of it.

    Args:
        data: the picture, encoded.
        rows: of `fer.scoring.rows`; their boxes are in pixels of the photo itself.
        marked: the number of a face to be seen before the others.
        hiding: how the faces are hidden, if they are.
    """
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    faces = []
    for row in rows:
        scale = (picture.width / row["width"], picture.height / row["height"])
        box = Box(row["x1"], row["y1"], row["x2"], row["y2"]).scaled(*scale)
        shares = tuple(row[name] for name in PROBABILITIES)
        # The threshold itself is not in the table: what matters is on which side of it this is.
        threshold = 0.0 if row["certain"] else 1.01
        faces.append(Face(box, box, row["detection"], shares, threshold))
    if hiding:
        picture = hide(picture, faces, hiding)
    return annotate(picture, faces, max(picture.size), marked)


def zipped(pictures: Iterable[tuple[str, Image.Image]]) -> bytes:
    """Pack pictures into a zip under their photos' names; two of one name get two."""
    buffer = io.BytesIO()
    taken: set[str] = set()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, picture in pictures:
            # No name leads out of the folder it is unpacked in.
            stem = re.sub(r"[^\w. -]", "_", str(PurePosixPath(path).with_suffix("")).lstrip("./"))
            name, number = f"{stem}-emotions.jpg", 1
            while name in taken:
                number += 1
                name = f"{stem}-emotions-{number}.jpg"
            taken.add(name)
            archive.writestr(name, jpeg(picture))
    return buffer.getvalue()
