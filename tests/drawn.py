"""A small data set in FER-2013's layout, of drawn faces: what the trainer's tests learn from.

A face is an oval with eyes, brows and a mouth that are set as its emotion sets them, at a place, a
size and in greys of its own.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from fer.emotions import EMOTIONS
from fer.faces.preprocessing import FACE_SIZE
from fer.ferplus import ANSWERS, OF_EMOTIONS

COUNTS = {"train": 420, "validation": 210, "test": 280}
ANNOTATORS = 10
SCALE = 4
"""Drawn so many times as large, then shrunk: edges as soft as a photo's."""


@dataclass(frozen=True)
class Look:
    """How an emotion sets a face; lengths in sixteenths of its width."""

    brows: float
    """How much higher the brows' outer ends are than the inner ones."""
    lifted: float
    """How far the brows are lifted."""
    eyes: float
    """Half the height of an open eye."""
    smile: float
    """How much higher the mouth's corners are than its middle."""
    mouth: float
    """Half the height of the open mouth."""


LOOKS = {
    "angry": Look(brows=1.5, lifted=-0.5, eyes=0.6, smile=-0.8, mouth=0),
    "disgust": Look(brows=1.0, lifted=-0.5, eyes=0.3, smile=-1.5, mouth=0.6),
    "fear": Look(brows=-1.2, lifted=1.0, eyes=1.3, smile=-0.5, mouth=1.0),
    "happy": Look(brows=0, lifted=0.3, eyes=0.6, smile=1.8, mouth=0.6),
    "sad": Look(brows=-1.5, lifted=0, eyes=0.5, smile=-1.5, mouth=0),
    "surprise": Look(brows=0, lifted=1.5, eyes=1.4, smile=0, mouth=2.0),
    "neutral": Look(brows=0, lifted=0, eyes=0.8, smile=0, mouth=0),
}


def draw_face(emotion: str, generator: np.random.Generator) -> Image.Image:
    """Draw a grey face of FER-2013's size that shows an emotion."""
    look, side = LOOKS[emotion], FACE_SIZE * SCALE
    ground, skin = generator.integers(20, 110), generator.integers(140, 230)
    image = Image.new("L", (side, side), int(ground))
    draw = ImageDraw.Draw(image)
    x, y = side / 2 + generator.normal(0, side / 30, 2)
    unit = side * generator.uniform(0.75, 0.95) / 16

    def at(dx: float, dy: float) -> tuple[float, float]:
        return x + dx * unit, y + dy * unit

    def oval(dx: float, dy: float, width: float, height: float, fill: int) -> None:
        draw.ellipse([at(dx - width, dy - height), at(dx + width, dy + height)], fill=fill)

    dark, stroke = int(skin // 4), int(unit * 0.7)
    oval(0, 0, 7, 8, int(skin))
    for sign in (-1, 1):
        oval(sign * 3, -1.5, 1.3, look.eyes, dark)
        inner, outer = -4 - look.lifted + look.brows / 2, -4 - look.lifted - look.brows / 2
        draw.line([at(sign * 1.5, inner), at(sign * 4.5, outer)], fill=dark, width=stroke)
    corners = 4 - look.smile / 2
    middle = 4 + look.smile / 2
    lips = [at(-3, corners), at(-1, middle), at(1, middle), at(3, corners)]
    draw.line(lips, fill=dark, width=stroke, joint="curve")
    if look.mouth:
        oval(0, middle, 2, look.mouth, dark)
    small = np.asarray(image.resize((FACE_SIZE, FACE_SIZE), Image.Resampling.BOX), dtype=float)
    noisy = small + generator.normal(0, 6, small.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def write_drawn_faces(folder: Path) -> Path:
    """Write `train`, `validation` and `test.parquet` of drawn faces; the same bytes each time.

    Each has all emotions in turn. Most annotators agree with the label, one image in ten has no
    majority, and the first test image stands in train too, as some of FER-2013's do.
    """
    first, tables = 0, {}
    for seed, (split, count) in enumerate(COUNTS.items()):
        generator = np.random.default_rng(seed)
        rows = []
        for row in range(first, first + count):
            label = row % len(EMOTIONS)
            votes = np.zeros(len(ANSWERS), np.int8)
            sure = 4 if row % 10 == 0 else 8
            votes[OF_EMOTIONS[label]] += sure
            votes[ANSWERS.index("unknown")] += ANNOTATORS - sure
            face = draw_face(EMOTIONS[label], generator)
            rows.append(_row(face, label, votes, row))
        tables[split] = pd.DataFrame(rows)
        first += count
    tables["test"].at[0, "image"] = tables["train"]["image"][0]
    for split, table in tables.items():
        table.to_parquet(folder / f"{split}.parquet", index=False)
    return folder


def _row(face: Image.Image, label: int, votes: np.ndarray, row: int) -> dict[str, object]:
    png = io.BytesIO()
    face.save(png, "PNG")
    image = {"bytes": png.getvalue(), "path": f"{row}.png"}
    return {"image": image, "label": label, "ferplus_votes": votes, "row": np.int32(row)}
