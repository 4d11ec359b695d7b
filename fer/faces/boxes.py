"""A rectangle in an image's pixels."""

from typing import NamedTuple


class Box(NamedTuple):
    """Left, top, right and bottom edge in pixels; right and bottom are exclusive."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y2 - self.y1

    def clipped(self, width: int, height: int) -> "Box":
        """Return the part of the box that lies in an image of this size."""
        return Box(
            min(max(self.x1, 0), width),
            min(max(self.y1, 0), height),
            min(max(self.x2, 0), width),
            min(max(self.y2, 0), height),
        )

    def scaled(self, x: float, y: float) -> "Box":
        """Return the same rectangle in an image `x` times as wide and `y` times as high."""
        return Box(self.x1 * x, self.y1 * y, self.x2 * x, self.y2 * y)
