"""Boxes and names drawn onto a photo, faces hidden in it, and heat laid over a face."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageFont

from fer.emotions import COLOURS
from fer.faces.boxes import Box
from fer.recognizer import Face
from fer.wording import percent

LABEL = 48
"""A label is as high as the picture's longer side over this: it does not grow with the face."""
LEAST_LABEL = 18  # pixels, where that is no more than a twentieth of the picture

HEAT = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
"""From nothing to most, evenly spaced: five stops of the colour map "inferno" of Smith and van der
Walt (2015), whose lightness grows evenly."""

Hiding = Literal["blurred", "covered"]
HIDDEN = 0.15
"""How far beyond its box a face is hidden, in widths and heights of the box."""
MOSAIC = 6
"""Pixels across that are left of a blurred face: too few to tell who it is."""


def annotate(
    photo: Image.Image, faces: Sequence[Face], max_side: int = 1600, marked: int | None = None
) -> Image.Image:
    """Return the photo with its faces boxed, numbered and named, each with its probability.

    Args:
        photo: the upright RGB photo that the boxes belong to; it is not changed.
        faces: they are numbered from 1 in the order given.
        max_side: the picture is shrunk to this many pixels on its longer side, and small
            ones are grown so that the names can be read.
        marked: the number of a face to be seen before the others.
    """
    scale = max_side / max(photo.size)
    if scale > 1:
        scale = min(scale, max(1.0, 480 / max(photo.size)))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    picture = photo.resize(size, Image.Resampling.LANCZOS)
    draw_labels(
        picture,
        [_label(number, face, scale) for number, face in enumerate(faces, start=1)],
        marked and marked - 1,
    )
    return picture


class Label(NamedTuple):
    """What is drawn around a face."""

    box: Box
    """In pixels of the picture."""
    text: str
    emotion: str
    """Gives the colour."""
    shorter: tuple[str, ...] = ()
    """What is said instead where the text would cover a neighbour, the longest first."""

    @property
    def texts(self) -> tuple[str, ...]:
        """All that may be said, the longest first."""
        return (self.text, *self.shorter)


def _label(number: int, face: Face, scale: float) -> Label:
    emotion = face.emotion if face.certain else f"{face.emotion}?"
    return Label(
        face.box.scaled(scale, scale),
        f"{number} {emotion} {percent(face.confidence)}",
        face.emotion,
        (f"{number} {emotion}", f"{number}"),
    )


def draw_labels(picture: Image.Image, labels: Sequence[Label], marked: int | None = None) -> None:
    """Draw boxes with names onto an RGB picture; no name covers another face where it need not.

    Args:
        picture: it is changed.
        labels: in the order in which they find their places.
        marked: the place among them of one to be seen before the others.
    """
    draw = ImageDraw.Draw(picture)
    line = max(2, round(max(picture.size) / 400))
    font = ImageFont.load_default(_label_height(max(picture.size)))

    def places(text: str, box: Box) -> Iterator[Box]:
        return _places(draw.textbbox((0, 0), text, font=font), box, picture.size)

    for index, label in enumerate(labels):
        if index == marked:
            draw.rectangle(label.box, outline="black", width=4 * line)
            draw.rectangle(label.box, outline="white", width=3 * line)
        draw.rectangle(label.box, outline=COLOURS[label.emotion], width=line)
    boxes = [label.box for label in labels]
    # Each keeps the room for its shortest text, until it has chosen.
    taken = [next(places(label.texts[-1], label.box)) for label in labels]
    for index, label in enumerate(labels):
        others = [box for box in boxes if box is not label.box]
        others += taken[:index] + taken[index + 1 :]
        fitting = (
            (text, place)
            for text in label.texts
            for place in places(text, label.box)
            if not any(_overlap(place, other) for other in others)
        )
        text, taken[index] = next(fitting, (label.texts[-1], taken[index]))
        place, colour = taken[index], COLOURS[label.emotion]
        centre = ((place.x1 + place.x2) / 2, (place.y1 + place.y2) / 2)
        draw.rectangle(place, fill=colour)
        draw.text(centre, text, fill=ink_on(colour), font=font, anchor="mm")


def _label_height(longer_side: int) -> float:
    return max(8, min(LEAST_LABEL, longer_side / 20), longer_side / LABEL)


def _places(
    text: tuple[float, float, float, float], box: Box, size: tuple[int, int]
) -> Iterator[Box]:
    """Yield where a label may stand: above its box, below it, inside it; all in the picture."""
    height = (text[3] - text[1]) * 1.5
    width = text[2] - text[0] + height / 2
    left = min(max(box.x1, 0), max(size[0] - width, 0))
    for top in (box.y1 - height, box.y2, box.y1):
        if 0 <= top <= size[1] - height or top == box.y1:
            yield Box(left, top, left + width, top + height)


def _overlap(one: Box, other: Box) -> bool:
    return one.x1 < other.x2 and other.x1 < one.x2 and one.y1 < other.y2 and other.y1 < one.y2


def hide(photo: Image.Image, faces: Sequence[Face], how: Hiding) -> Image.Image:
    """Return the photo with its faces blurred or covered, beyond recognition.

    Args:
        photo: the upright RGB photo that the boxes belong to; it is not changed.
        faces: those to hide; who is in the photo and was not found stays to be seen.
        how: `blurred` leaves the face's colours, `covered` nothing.
    """
    picture = photo.copy()
    for face in faces:
        box = face.box
        margin_x, margin_y = HIDDEN * box.width, HIDDEN * box.height
        grown = Box(box.x1 - margin_x, box.y1 - margin_y, box.x2 + margin_x, box.y2 + margin_y)
        left, top, right, bottom = (round(edge) for edge in grown.clipped(*photo.size))
        if right <= left or bottom <= top:
            continue
        if how == "covered":
            picture.paste((0, 0, 0), (left, top, right, bottom))
            continue
        size = (right - left, bottom - top)
        # To few pixels first: a blur alone can be undone.
        few = photo.crop((left, top, right, bottom)).resize((MOSAIC, MOSAIC), Image.Resampling.BOX)
        blurred = few.resize(size, Image.Resampling.BICUBIC)
        picture.paste(blurred.filter(ImageFilter.GaussianBlur(max(size) / 12)), (left, top))
    return picture


def tint(crop: Image.Image, heat: np.ndarray) -> Image.Image:
    """Lay heat over a face where the network looked; the same colours for every emotion.

    Args:
        crop: the square that was scored, at any size.
        heat: float `[48, 48]` in 0..1, from `fer.explain.saliency`.
    """
    # Where there is little, the face shows through; even the strongest heat lets it.
    mask = Image.fromarray((60 + heat * 130).astype(np.uint8)).resize(crop.size)
    heat = np.asarray(Image.fromarray(heat.astype(np.float32)).resize(crop.size))
    return Image.composite(colours_of(heat), crop.convert("L").convert("RGB"), mask)


def colours_of(heat: np.ndarray) -> Image.Image:
    """Return heat, float `[H, W]` in 0..1, in the colours of `HEAT`."""
    stops = np.linspace(0, 1, len(HEAT))
    channels = [np.interp(heat, stops, values) for values in zip(*HEAT, strict=True)]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))


def ink_on(background: str) -> str:
    """Choose black or white, whichever stands out more from a colour."""
    luminance = sum(
        weight * value
        for weight, value in zip(
            (0.2126, 0.7152, 0.0722), ImageColor.getrgb(background), strict=True
        )
    )
    return "black" if luminance > 140 else "white"
