"""Facial emotion recognition: find the faces of a photo and name the emotion of each.

>>> from fer import Recognizer
>>> faces = Recognizer.from_pretrained("cnn").recognize(["photo.jpg"])[0]

What stands in `__all__` is the library's public face, described in `docs/library.md`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fer.emotions import EMOTIONS
    from fer.errors import FerError, HubError, UnknownModel, UnreadableImage
    from fer.faces.boxes import Box
    from fer.recognizer import Face, Recognizer
    from fer.scoring.rows import faces_to_frame

__version__ = "0.1.0"

__all__ = [
    "EMOTIONS",
    "Box",
    "Face",
    "FerError",
    "HubError",
    "Recognizer",
    "UnknownModel",
    "UnreadableImage",
    "__version__",
    "faces_to_frame",
]

_HOMES = {
    "EMOTIONS": "fer.emotions",
    "Box": "fer.faces.boxes",
    "Face": "fer.recognizer",
    "FerError": "fer.errors",
    "HubError": "fer.errors",
    "Recognizer": "fer.recognizer",
    "UnknownModel": "fer.errors",
    "UnreadableImage": "fer.errors",
    "faces_to_frame": "fer.scoring.rows",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: `import fer` takes no time, and `training` needs fer's networks on
    # machines that have no facenet-pytorch, which the recognizer's detector is made of.
    if name not in _HOMES:
        raise AttributeError(f"module 'fer' has no attribute {name!r}")
    from fer.namesake import refuse_namesake

    refuse_namesake()
    return getattr(import_module(_HOMES[name]), name)
