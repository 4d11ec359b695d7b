"""The table's columns and the rows of one photo."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from fer.columns import PROBABILITIES, Status
from fer.recognizer import Face

Rows = list[dict[str, Any]]
"""Rows of a table, each a value by column name; an absent column is an empty cell."""

COLUMNS = (
    "path", "status", "face", "x1", "y1", "x2", "y2", "detection", "emotion", "confidence",
    "certain", *PROBABILITIES, "width", "height", "model", "error",
)  # fmt: skip

STATUSES = {
    Status.OK: "a face was found",
    Status.WHOLE_IMAGE: "no face was found in a picture as small and square as a face cut out of a "
    "photo, so that all of it was named",
    Status.NO_FACE: "no face was found",
    Status.ERROR: "the file cannot be read",
}
"""What the column `status` says, and what that means."""

TEXT = frozenset({"path", "status", "emotion", "smoothed", "model", "error"})
WHOLE = frozenset({"face", "frame", "track", "width", "height"})
FLAGS = frozenset({"certain"})
"""Which columns of any table hold text, whole numbers, and yes or no; the others are floats."""


@dataclass(frozen=True)
class Layout:
    """The columns of a table, and which of them groups its rows."""

    columns: tuple[str, ...]
    key: str
    """Rows with the same value here, those of one photo or frame, are written or cut off as one."""
    carried: Mapping[str, Any] = field(default_factory=dict)
    """Those of its columns, the last, that come from a manifest, with pyarrow's types."""

    def carrying(self, columns: Mapping[str, Any]) -> "Layout":
        """Return this layout with a manifest's columns behind it."""
        return replace(self, columns=(*self.columns, *columns), carried=columns)


PHOTOS = Layout(COLUMNS, "path")

# What is written is coarser than what the last bits of another machine's arithmetic could change.
PIXEL_DIGITS = 1
SHARE_DIGITS = 5

# As OWASP lists them for CSV; spreadsheets in some languages take the full-width forms as well.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def photo_rows(path: str, size: tuple[int, int], faces: Sequence[Face], model: str) -> Rows:
    """Return a row for each face, or one of status `no_face`.

    A photo's faces are numbered from 1, in reading order.

    Args:
        path: the photo's name or path; kept from being run as a formula by spreadsheets.
        size: width and height of the upright photo in pixels.
    """
    photo = {"path": safe_path(path), "width": size[0], "height": size[1], "model": model}
    if not faces:
        return [photo | {"status": Status.NO_FACE}]
    return [
        photo
        | {"status": Status.WHOLE_IMAGE if face.whole_image else Status.OK, "face": number}
        | {
            edge: round(float(value), PIXEL_DIGITS)
            for edge, value in zip(("x1", "y1", "x2", "y2"), face.box, strict=True)
        }
        | {
            "detection": None if face.detection is None else round(face.detection, SHARE_DIGITS),
            "emotion": face.emotion,
            "confidence": round(face.confidence, SHARE_DIGITS),
            "certain": face.certain,
        }
        | {
            name: round(share, SHARE_DIGITS)
            for name, share in zip(PROBABILITIES, face.probabilities, strict=True)
        }
        for number, face in enumerate(faces, start=1)
    ]


def error_row(path: str, error: Exception, model: str) -> dict[str, Any]:
    """Return the one row of a file that cannot be read."""
    return {"path": safe_path(path), "status": Status.ERROR, "model": model, "error": str(error)}


def count_faces(rows: Sequence[dict[str, Any]]) -> int:
    """Return how many of the rows name a face's emotion."""
    return sum(Status(row["status"]).has_face for row in rows)


def safe_path(path: str) -> str:
    """Put `./` before a relative path that a spreadsheet would run as a formula."""
    return f"./{path}" if path.startswith(FORMULA_STARTS) else path


def faces_to_frame(
    photos: Sequence[str | Path], results: Iterable[Sequence[Face] | Exception]
) -> pd.DataFrame:
    """Return what a recognizer found as a table: a row a face, and one for each photo without.

    Args:
        photos: their names, for the column `path`.
        results: of `Recognizer.recognize` or `recognize_each`, for the same photos.

    Returns:
        The columns of `fer score` but for `width`, `height` and `model`, and `embedding` where
        faces have theirs.
    """
    rows = []
    for photo, found in zip(photos, results, strict=True):
        if isinstance(found, Exception):
            rows.append(error_row(str(photo), found, ""))
            continue
        named = photo_rows(str(photo), (0, 0), found, "")
        for row, face in zip(named, found, strict=False):  # without a face there is a row, too
            if face.embedding:
                row["embedding"] = face.embedding
        rows += named
    table = to_frame(rows).drop(columns=["width", "height", "model"])
    if any("embedding" in row for row in rows):
        table["embedding"] = [row.get("embedding") for row in rows]
    return table


def to_frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a table with all columns in their order; what a row lacks is empty."""
    table = pd.DataFrame(list(rows), columns=list(COLUMNS))
    table["status"] = table["status"].map(str)  # pandas 2 keeps the enumeration's members
    whole, flags = WHOLE.intersection(COLUMNS), FLAGS.intersection(COLUMNS)
    return table.astype(dict.fromkeys(whole, "Int64") | dict.fromkeys(flags, "boolean"))
