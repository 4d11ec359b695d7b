"""A camera for Chromium that shows a made film: faces in the public domain, and drawn ones."""

import io
from collections.abc import Iterable
from pathlib import Path

import skimage.data
from PIL import Image

from tools.faces import drawn

SIZE = (640, 480)
RATE = 30
"""Frames a second at which Chromium plays such a film, again and again."""

HEIGHT = 260  # of a face's picture in the frame

SMILE = Image.fromarray(skimage.data.astronaut()).crop((130, 0, 330, 220))
"""Named happy."""
FROWN = drawn(brows=-45, mouth=-60)
"""Named angry by the default model."""


def before_camera(face: Image.Image | None, x: float = 0.5) -> Image.Image:
    """Return what a camera sees: a face, or nobody.

    Args:
        face: its picture.
        x: where its middle is, in shares of the width.
    """
    frame = Image.new("RGB", SIZE, (120, 125, 130))
    if face is not None:
        face = face.resize((HEIGHT * face.width // face.height, HEIGHT))
        frame.paste(face, (round(x * SIZE[0] - face.width / 2), (SIZE[1] - HEIGHT) // 2))
    return frame


def film(path: Path, scenes: Iterable[tuple[float, Image.Image]]) -> Path:
    """Write a film for a camera (Motion JPEG), and return its path.

    Args:
        path: to write to; its name has to end in `.mjpeg`.
        scenes: what is seen, with the seconds for which it is.
    """
    with path.open("wb") as file:
        for seconds, frame in scenes:
            buffer = io.BytesIO()
            frame.save(buffer, "JPEG", quality=90)
            file.write(buffer.getvalue() * round(seconds * RATE))
    return path


def playing(path: Path) -> str:
    """Return Chromium's flag for a camera that shows a film."""
    return f"--use-file-for-fake-video-capture={path}"
