"""Time whole programs on one folder of photos: this one, an older state of it, and what others use.

python -m bench.programs --faces DIR [--old CHECKOUT] [--fer-python PYTHON]

CHECKOUT is a worktree of an older state, which is run by this Python; PYTHON is that of an
environment with PyPI's `fer` and facenet-pytorch, beside which this library cannot be installed.
Photos are those of `bench.scoring`. A program reads a small folder and a large one, in turns, and
what counts is the difference of the fastest: starting it, importing and loading the weights is
stated, and not part of the photos/s. As the start varies by seconds, the large folder has to take
many. How many faces each found is what its speed is worth.
"""

import csv
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from bench.scoring import FACES, SIZES, heads, make_frames
from fer.artifacts import MODELS
from tools.machine import conditions

LOOP = """
import csv, os, sys
import cv2
from fer.fer import FER
recognizer = FER(mtcnn=sys.argv[3] == "mtcnn")
with open(sys.argv[2], "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["path", "status"])
    for name in sorted(os.listdir(sys.argv[1])):
        for face in recognizer.detect_emotions(cv2.imread(os.path.join(sys.argv[1], name))):
            table.writerow([name, "ok", *face["box"]])
"""
"""What the `fer` package's users write."""

Program = Callable[[Path, Path], list[str | Path]]
"""Returns the command that reads a folder and writes a table."""


def scorer(workers: int, model: str) -> Program:
    """Return this program's command."""

    def command(folder: Path, table: Path) -> list[str | Path]:
        options = ["--workers", str(workers), "--model", model]
        return [sys.executable, "-m", "fer", "score", folder, "--output", table, *options]

    return command


def package_loop(python: Path, detector: str) -> Program:
    """Return the command of the `fer` package's users."""
    return lambda folder, table: [python, "-c", LOOP, folder, table, detector]


def many(originals: list[Path], folder: Path, count: int) -> Path:
    """Return a folder of so many photos."""
    folder.mkdir()
    for number, path in zip(range(count), itertools.cycle(originals), strict=False):
        os.link(path, folder / f"{number:05}.jpg")
    return folder


def run(command: list[str | Path], checkout: Path) -> float:
    """Return the seconds of a command; its modules are a checkout's."""
    start = time.perf_counter()
    subprocess.run(
        command,
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start


def faces_in(table: Path) -> int:
    """Return how many faces a table has."""
    with table.open(newline="", encoding="utf-8") as file:
        return sum(row["status"] == "ok" for row in csv.DictReader(file))


def main(
    faces: Annotated[Path, typer.Option(help="Photos of one face each, pasted into frames.")],
    old: Annotated[Path | None, typer.Option(help="A checkout of an older state.")] = None,
    fer_python: Annotated[
        Path | None, typer.Option(help="A Python that has PyPI's `fer` and facenet-pytorch.")
    ] = None,
    photos: Annotated[int, typer.Option(help="Of the large folder; the small one has 8.")] = 600,
    height: Annotated[
        int | None, typer.Option(help="Of the photos; both sizes if left out.")
    ] = None,
    turns: Annotated[int, typer.Option(help="Of each program.")] = 2,
    model: Annotated[str, typer.Option(help="Of this program.")] = "cnn",
) -> None:
    """Print photos/s of each program, the seconds of its start, and the faces it found."""
    here = MODELS.parent
    programs: dict[str, tuple[Path, Program]] = {
        f"now, {workers} at work": (here, scorer(workers, model)) for workers in (1, 2)
    }
    if old:
        programs["before, 2 at work"] = (old.resolve(), scorer(2, model))
    if fer_python:
        for detector in ("mtcnn", "haar"):
            loop = package_loop(fer_python.absolute(), detector)
            programs[f"PyPI's fer, {detector}"] = (fer_python.parent, loop)
    print(f"{conditions()}; model {model}; {photos} photos, the fastest of {turns} turns")
    with tempfile.TemporaryDirectory() as name:
        for size in SIZES:
            if height not in (None, size[1]):
                continue
            place = Path(name) / str(size[0])
            originals = make_frames(place, size, heads(faces))
            small = many(originals, place / "small", len(FACES))
            large = many(originals, place / "large", photos)
            print(f"\n{size[0]} x {size[1]}, {sum(FACES)} faces pasted into every {len(FACES)}")
            print(f"{'':22}{'photos/s':>10}{'start, s':>10}{'faces':>7}", flush=True)
            best = {name: [float("inf"), float("inf")] for name in programs}
            found = {}
            for turn in range(turns):
                for program, (checkout, command) in programs.items():
                    for which, folder in enumerate((small, large)):
                        table = place / f"{program} {which} {turn}.csv"
                        seconds = run(command(folder, table), checkout)
                        best[program][which] = min(best[program][which], seconds)
                        if folder == small:
                            found[program] = faces_in(table)
            for program, (few, all_) in best.items():
                each = (all_ - few) / (photos - len(FACES))
                start = few - each * len(FACES)
                print(f"{program:22}{1 / each:10.2f}{start:10.1f}{found[program]:7}", flush=True)


if __name__ == "__main__":
    typer.run(main)
