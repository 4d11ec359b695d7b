"""Facial emotion recognition: find the faces of a photo and name the emotion of each.

>>> from fer import Recognizer
>>> faces = Recognizer.from_pretrained("cnn").recognize(["photo.jpg"])[0]
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fer.recognizer import Face, Recognizer

__all__ = ["Face", "Recognizer"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: `training` needs fer's networks on machines that have no
    # facenet-pytorch, which the recognizer's detector is made of.
    if name in __all__:
        from fer import recognizer

        return getattr(recognizer, name)
    raise AttributeError(f"module 'fer' has no attribute {name!r}")
