"""Measure how faces sit in FER-2013: the numbers behind `fer.faces.preprocessing.Framing`.

    python -m bench.framing --data ../shared/data [--images 4000]

Detects on training images scaled up (MTCNN looks for faces of 24 pixels and more, and finds
most where a face is five to ten times that), takes the surest face of each image and prints
the median box, in sides of the image.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image
from tqdm import tqdm

from fer.faces.detection import Detector
from fer.faces.preprocessing import FACE_SIZE
from training.data import load_split


def main(data: Annotated[Path, typer.Option()], images: int = 4000, scale: int = 4) -> None:
    """Print the framing of `images` training images drawn at random."""
    train = load_split(data, "train")
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:images]
    side = FACE_SIZE * scale
    detector = Detector(min_score=0.95)
    boxes = []
    for index in tqdm(chosen.tolist(), unit="image"):
        grey = Image.fromarray(train.images[index, 0].numpy())
        photo = grey.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
        if faces := detector.detect([photo])[0]:
            boxes.append(max(faces, key=lambda face: face.score).box)
    x1, y1, x2, y2 = np.array(boxes).T / side
    print(f"{len(boxes)} of {images} images have a face with a score of 0.95 and more (x{scale}).")
    print("in sides of the image        5%     25%  median     75%     95%")
    for name, values in {
        "box height": y2 - y1,
        "box width": x2 - x1,
        "crop side in box heights": 1 / (y2 - y1),
        "box centre x": (x1 + x2) / 2,
        "box centre y": (y1 + y2) / 2,
    }.items():
        row = "".join(f"{q:8.3f}" for q in np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95)))
        print(f"{name:24}{row}")


if __name__ == "__main__":
    typer.run(main)
