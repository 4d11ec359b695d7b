"""The models that ship with the code: where they lie, and which is used if none is named.

It imports no other module of the library: `setup.py` reads it to choose what a wheel carries.
"""

from pathlib import Path

DEFAULT_MODEL = "mobilenet"
"""The one that agrees best with the FER+ votes on validation, of those that find the rare emotions
as well (by macro F1), in less than 25 ms a face on two CPU cores and 60 MB."""

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED, _CHECKOUT = _PACKAGE / "models", _PACKAGE.parent / "models"

MODELS = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
"""The models that ship with the code: inside an installed package, beside it in a checkout."""

LEFT_OUT = "left-out.txt"
"""The file in an installed package's `MODELS` that names, one a line, what it is too small for."""

EXPORTS = ("onnx", "transformers")
"""Folders inside a model's that `python -m training export` writes and the library never reads."""

UNFINISHED = (".partial", ".old")
"""Endings of folders that are being written or replaced."""

NOT_SHIPPED = (*EXPORTS, "*.new", *(f"*{ending}" for ending in UNFINISHED))
"""What in and beside a model's folder goes nowhere with it, as patterns: its exports, and what a
command that was killed has left."""


def left_out() -> list[str]:
    """Return the names of the repository's models that this installed package does not carry."""
    path = MODELS / LEFT_OUT
    return path.read_text().split() if path.is_file() else []
