"""The command `fer`: name the emotions in photos, list the models.

fer predict PHOTO… [--model cnn] [--json]
fer models
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from fer.artifacts import DEFAULT_MODEL, find_model, list_models
from fer.errors import FerError
from fer.report import Report
from fer.wording import percent

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Facial emotion recognition on photos."
)

BATCH = 32
"""Photos read, and classified, together: what is held in memory at a time."""


@app.command()
def predict(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", show_default=False)],
    model: Annotated[str, typer.Option(help="A name from `fer models`, or a folder.")] = (
        DEFAULT_MODEL
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a photo.")] = False,
) -> None:
    """Name the emotion of every face in photos.

    Exit status 2 if a photo cannot be read; the others are done all the same.
    """
    # Imported here: the detector's code takes seconds to load, and `--help` does not need it.
    from fer.images import read_image
    from fer.recognizer import Recognizer

    try:
        recognizer = Recognizer.from_pretrained(model)
    except FerError as error:
        _complain(str(error))
        raise typer.Exit(2) from error
    unreadable = False
    for start in range(0, len(photos), BATCH):
        readable = []
        for path in photos[start : start + BATCH]:
            try:
                readable.append((path, read_image(path)))
            except FerError as error:
                unreadable = True
                _complain(f"{path}: {error}")
        results = recognizer.recognize([image for _, image in readable])
        for (path, _), faces in zip(readable, results, strict=True):
            if as_json:
                line = {"path": str(path), "faces": [face.to_dict() for face in faces]}
                print(json.dumps(line))
                continue
            if not faces:
                print(f"{path}: no face found")
            for number, face in enumerate(faces, start=1):
                box = face.box
                where = (
                    "the whole image"
                    if face.whole_image
                    else f"face {number} at {box.x1:.0f},{box.y1:.0f} "
                    f"{box.width:.0f}x{box.height:.0f}"
                )
                print(f"{path}: {face.emotion} {percent(face.confidence)} ({where})")
    if unreadable:
        raise typer.Exit(2)


@app.command()
def models() -> None:
    """List the models there are, with their accuracy and size."""
    names = list_models()
    if not names:
        _complain("There are no models in models/.")
        raise typer.Exit(2)
    print(f"{'model':32}{'validation':>12}{'test':>9}{'weights':>12}{'size':>10}")
    for name in names:
        try:
            report = Report.read(find_model(name))
        except FerError as error:
            print(f"{name:32}{error}")
            continue
        print(
            f"{name:32}{report.accuracy('validation'):12.2%}{report.accuracy('test'):9.2%}"
            f"{report.parameters:12,}{report.weights_bytes / 1e6:7.1f} MB"
        )


def _complain(sentence: str) -> None:
    print(f"fer: {sentence}", file=sys.stderr)
