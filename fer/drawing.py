"""Boxes and names drawn onto a photo."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from fer.emotions import COLOURS
from fer.faces.boxes import Box
from fer.recognizer import Face


def annotate(photo: Image.Image, faces: Sequence[Face], max_side: int = 1600) -> Image.Image:
    """Return the photo with its faces boxed, numbered and named.

    Args:
        photo: the upright RGB photo that the boxes belong to; it is not changed.
        faces: they are numbered from 1 in the order given.
        max_side: the picture is shrunk to this many pixels on its longer side, and small
            ones are grown so that the names can be read.
    """
    scale = max_side / max(photo.size)
    if scale > 1:
        scale = min(scale, max(1.0, 480 / max(photo.size)))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    picture = photo.resize(size, Image.Resampling.LANCZOS)
    labels = [
        Label(Box(*(value * scale for value in face.box)), f"{number} {face.emotion}", face.emotion)
        for number, face in enumerate(faces, start=1)
    ]
    draw_labels(picture, labels)
    return picture


class Label(NamedTuple):
    """What is drawn around a face."""

    box: Box
    """In pixels of the picture."""
    text: str
    emotion: str
    """Gives the colour."""


def draw_labels(picture: Image.Image, labels: Sequence[Label]) -> None:
    """Draw boxes with names onto an RGB picture."""
    size = picture.size
    draw = ImageDraw.Draw(picture)
    line = max(2, round(max(size) / 350))
    for box, text, emotion in labels:
        colour = COLOURS[emotion]
        left, top, right, bottom = box
        draw.rectangle((left, top, right, bottom), outline=colour, width=line)
        # Readable on small faces, but no larger than the face that carries it.
        font = ImageFont.load_default(max(12, min(max(size) / 30, (right - left) / 4)))
        x1, y1, x2, y2 = draw.textbbox((0, 0), text, font=font)
        width, height, pad = x2 - x1, y2 - y1, line + 1
        label_left = min(max(left, 0), max(size[0] - width - 2 * pad, 0))
        label_top = top - height - 2 * pad
        if label_top < 0:
            label_top = max(top, 0)
        place = (label_left, label_top, label_left + width + 2 * pad, label_top + height + 2 * pad)
        draw.rectangle(place, fill=colour)
        draw.text((label_left + pad - x1, label_top + pad - y1), text, fill=_ink(colour), font=font)


def tint(crop: Image.Image, heat: np.ndarray, emotion: str) -> Image.Image:
    """Lay an emotion's colour over a face where the network looked.

    Args:
        crop: the square that was scored, at any size.
        heat: float `[48, 48]` in 0..1, from `fer.explain.look`.
    """
    # On a grey face the colour is the heat's alone, and even the strongest lets it show through.
    mask = Image.fromarray((heat * 190).astype(np.uint8)).resize(crop.size)
    grey = crop.convert("L").convert("RGB")
    return Image.composite(Image.new("RGB", crop.size, COLOURS[emotion]), grey, mask)


def _ink(background: str) -> str:
    """Choose black or white, whichever stands out more from a colour."""
    luminance = sum(
        weight * value
        for weight, value in zip(
            (0.2126, 0.7152, 0.0722), ImageColor.getrgb(background), strict=True
        )
    )
    return "black" if luminance > 140 else "white"
