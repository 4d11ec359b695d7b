"""What tables of answers call their columns, and what their column `status` may say."""

from enum import StrEnum

from fer.emotions import EMOTIONS

PROBABILITIES = [f"p_{emotion}" for emotion in EMOTIONS]
"""The emotions' probabilities, in a model's `predictions.parquet` and in the scorer's tables."""


class Status(StrEnum):
    """What was found in a photo or a frame."""

    OK = "ok"
    """A face."""
    WHOLE_IMAGE = "whole_image"
    """No face, in a picture as small and square as if it were cut around one: it is named whole."""
    NO_FACE = "no_face"
    ERROR = "error"
    """It cannot be read."""

    @property
    def has_face(self) -> bool:
        """Whether the row names an emotion."""
        return self in (Status.OK, Status.WHOLE_IMAGE)
