"""Measure the batch scorer against the loop a user would write; see bench/RESULTS.md.

python -m bench.scoring speed --faces DIR     # photos/s, stages, workers, faces found
python -m bench.scoring growth --faces DIR    # photos/s, memory and resuming up to 100,000 photos
python -m bench.scoring ray --faces DIR       # overhead of Ray on one machine

DIR holds photos of one face each, which are pasted into frames; the astronaut of scikit-image is
used as well. What is compared is measured in turns, and the fastest turn of each counts, as
whatever else runs on the machine can only slow one down.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import skimage.data
import torch
from facenet_pytorch import MTCNN
from PIL import Image

from fer.columns import Status
from fer.faces.boxes import Box
from fer.faces.preprocessing import crop_faces
from fer.recognizer import Recognizer
from fer.scoring.folder import list_folder
from fer.scoring.local import classify, score_entries
from fer.scoring.run import score_folder
from tools.machine import conditions

SIZES = ((1920, 1080), (640, 480))
FACES = (0, 1, 5, 20, 1, 1, 5, 2)
MODEL = "cnn"
CELLS = (6, 4)
SMALL, SAME = 40, 0.4  # pixels; overlap of two boxes of one face


def heads(folder: Path) -> list[Image.Image]:
    """Return the photos to paste."""
    found = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.jpg"))]
    return [*found, Image.fromarray(skimage.data.astronaut()).crop((130, 0, 330, 220))]


def frame(
    size: tuple[int, int], count: int, faces: list[Image.Image], rng: random.Random
) -> Image.Image:
    """Paste so many faces into a photo without any, small ones and large ones."""
    image = Image.fromarray(skimage.data.coffee()).resize(size)
    width, height = size[0] // CELLS[0], size[1] // CELLS[1]
    for cell in rng.sample(range(CELLS[0] * CELLS[1]), count):
        side = rng.randint(60, height)
        place = (cell % CELLS[0] * width, cell // CELLS[0] * height)
        image.paste(rng.choice(faces).resize((side, side)), place)
    return image


def make_frames(folder: Path, size: tuple[int, int], faces: list[Image.Image]) -> list[Path]:
    """Write the photos of one size."""
    rng = random.Random(0)
    folder.mkdir(parents=True)
    paths = [folder / f"{number:03}.jpg" for number in range(len(FACES))]
    for path, count in zip(paths, FACES, strict=True):
        frame(size, count, faces, rng).save(path, quality=88)
    return paths


def plain_loop(paths: list[Path], detector: MTCNN, recognizer: Recognizer) -> list[np.ndarray]:
    """Do what a user would write: one photo after the other."""
    found = []
    framing = recognizer.config.preprocessing.framing
    for path in paths:
        image = Image.open(path).convert("RGB")
        boxes, _ = detector.detect(image)
        boxes = np.empty((0, 4)) if boxes is None else np.asarray(boxes, float)
        squares = [framing.square(Box(*box), *image.size) for box in boxes]
        if squares:
            recognizer.probabilities(crop_faces(image, squares))
        found.append(boxes)
    return found


def fastest(turns: int, jobs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Run jobs in turns and return the seconds of the fastest turn of each."""
    seconds = dict.fromkeys(jobs, float("inf"))
    for _ in range(turns):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def speed(folder: Path, turns: int) -> None:
    """Print photos/s of all ways, and the share of the plain loop's faces that is found."""
    recognizer = Recognizer.from_pretrained(MODEL, device="cpu")
    for size in SIZES:
        photos = folder / f"{size[0]}"
        compare(make_frames(photos, size, heads(arguments.faces)), recognizer, turns)


def compare(paths: list[Path], recognizer: Recognizer, turns: int) -> None:
    """Print the figures of photos of one size."""
    detector = MTCNN(keep_all=True)
    entries = list(list_folder(paths[0].parent))
    read = [recognizer.read(path) for path in paths]
    images = [photo.image for photo in read]
    crops = [
        recognizer.cut_out(photo, found)[1]
        for photo, found in zip(read, recognizer.detector.detect(images), strict=True)
    ]

    def plain() -> list[np.ndarray]:
        return plain_loop(paths, detector, recognizer)

    def engine(workers: int) -> Callable[[], object]:
        return lambda: list(score_entries(entries, recognizer, workers=workers))

    def decode() -> list[object]:
        return [recognizer.read(path.read_bytes()) for path in paths]

    stages = {
        "read and decode": one_threaded(decode),
        "detect": one_threaded(lambda: recognizer.detector.detect(images)),
        "classify": one_threaded(lambda: classify(recognizer, crops)),
    }
    ways = {
        "plain loop": plain,
        "plain loop, 1 thread": one_threaded(plain),
        "1 worker": engine(1),
        "2 workers": engine(2),
    }
    seconds = fastest(turns, ways | stages)
    seconds["sum of the stages"] = sum(seconds[name] for name in stages)
    best = min(seconds["plain loop"], seconds["plain loop, 1 thread"])
    size = images[0].size
    print(f"\n{size[0]} x {size[1]}, {len(paths)} photos with {sum(FACES)} faces, {turns} turns")
    print(f"{'':22}{'photos/s':>10}{'x plain loop':>15}{'x the faster of both':>24}")
    for name, value in seconds.items():
        ratios = f"{seconds['plain loop'] / value:15.2f}{best / value:24.2f}"
        print(f"{name:22}{len(paths) / value:10.2f}{ratios}")
    edges = ("x1", "y1", "x2", "y2")
    found = [
        [[row[edge] for edge in edges] for row in photo if row["status"] == Status.OK]
        for photo in score_entries(entries, recognizer)
    ]
    counts = [matched(theirs, ours) for theirs, ours in zip(plain(), found, strict=True)]
    here, there = (sum(numbers) for numbers in zip(*counts, strict=True))
    print(f"faces of {SMALL} pixels and more found: {here} of the plain loop's {there}", flush=True)


def one_threaded(job: Callable[[], object]) -> Callable[[], object]:
    """Let a job run with one thread of PyTorch's."""

    def run() -> object:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return job()
        finally:
            torch.set_num_threads(threads)

    return run


def matched(theirs: np.ndarray, ours: list[list[float]]) -> tuple[int, int]:
    """Return how many of the boxes of 40 pixels and more are found, and how many there are."""
    large = [box for box in theirs if min(box[2] - box[0], box[3] - box[1]) >= SMALL]
    return sum(any(overlap(box, other) > SAME for other in ours) for box in large), len(large)


def overlap(a: np.ndarray, b: list[float]) -> float:
    """Intersection over union."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (areas - width * height)


def growth(folder: Path, counts: Sequence[int]) -> None:
    """Print photos/s and memory of `fer score` as a folder of small photos grows, and resuming."""
    originals = []
    for number, face in enumerate(heads(arguments.faces)):
        originals.append(folder / f"original {number}.jpg")
        face.resize((48, 48)).save(originals[-1])
    print(f"{'photos':>8}{'seconds':>9}{'photos/s':>10}{'MB at most':>12}")
    for count in counts:
        links = folder / f"{count}"
        for number in range(count):
            shelf = links / f"{number // 1000:03}"
            shelf.mkdir(parents=True, exist_ok=True)
            os.link(originals[number % len(originals)], shelf / f"{number:06}.jpg")
        table = folder / f"{count}.csv"
        enough = round(0.99 * count) if count == counts[-1] else None
        seconds, megabytes = scored(links, table, killed_at=enough)
        done = len(photos_in(table))
        print(f"{done:8}{seconds:9.1f}{done / seconds:10.1f}{megabytes:12.1f}", flush=True)
    seconds, megabytes = scored(links, table)
    print(f"killed there, of {count}: the {count - done} left took {seconds:.1f} s", end=", ")
    print(f"{megabytes:.1f} MB at most; all there: {len(photos_in(table)) == count}")


def scored(folder: Path, table: Path, killed_at: int | None = None) -> tuple[float, float]:
    """Run `fer score`; return its seconds, start included, and its largest memory in MB.

    Args:
        killed_at: after so many lines of its table.
    """
    command: list[str | Path] = [sys.executable, "-m", "fer", "score", folder, "--output", table]
    command += ["--model", MODEL]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while killed_at and (not table.exists() or table.read_bytes().count(b"\n") <= killed_at):
        time.sleep(0.5)
    if killed_at:
        process.kill()
    _, status, usage = os.wait4(process.pid, 0)
    assert killed_at or status == 0, status
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e6


def photos_in(table: Path) -> set[bytes]:
    """Return the paths that a table has rows of."""
    with table.open("rb") as file:
        next(file, None)
        return {line.split(b",", 1)[0] for line in file if line.endswith(b"\n")}


def on_ray(folder: Path) -> None:
    """Print what Ray costs more than the local engine for the same photos."""
    from fer.scoring.ray_engine import RayEngine

    recognizer = Recognizer.from_pretrained(MODEL, device="cpu")
    paths = make_frames(folder / "frames", SIZES[0], heads(arguments.faces))
    for number in range(12 * len(paths)):
        os.link(paths[number % len(paths)], folder / "frames" / f"again {number:04}.jpg")
    engine = RayEngine(None, recognizer)
    for name, other in (("local", None), ("ray", engine)):
        start = time.perf_counter()
        summary = score_folder(folder / "frames", folder / f"{name}.csv", recognizer, engine=other)
        seconds = time.perf_counter() - start
        print(
            f"{name:6} {seconds:7.1f} s  {summary.photos / seconds:7.2f} photos/s, start included"
        )
    same = [sorted((folder / f"{name}.csv").read_bytes().splitlines()) for name in ("local", "ray")]
    print(f"rows equal: {same[0] == same[1]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "growth", "ray"))
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--counts", type=int, nargs="+", default=(1_000, 10_000, 100_000))
    arguments = parser.parse_args()
    print(f"{conditions()}; model {MODEL}")
    with tempfile.TemporaryDirectory() as name:
        if arguments.what == "speed":
            speed(Path(name), arguments.turns)
        elif arguments.what == "growth":
            growth(Path(name), arguments.counts)
        else:
            on_ray(Path(name))
