"""The command `fer`: name the emotions in photos, score folders and videos, list the models.

fer predict PHOTO… [--model cnn] [--json]
fer score FOLDER --output results.csv [--model cnn] [--engine ray]
fer score shards/*.tar --output results.parquet
fer video FILE --output faces.csv [--every 0.2s] [--annotated out.mp4]
fer models
"""

import io
import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from fer.errors import FerError, UnreadableImage
from fer.namesake import refuse_namesake
from fer.shipped import DEFAULT_MODEL
from fer.stdout import printing
from fer.wording import named

if TYPE_CHECKING:
    from fer.recognizer import Face, Recognizer
    from fer.scoring.folder import Listing
    from fer.scoring.run import Engine

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ERRORS = 3
"""Exit status of `fer score` where some files could not be read, of `fer video` where a part."""


@contextmanager
def _in_a_sentence() -> Iterator[None]:
    """Say on stderr why the block cannot be done, if so, and end with status 2."""
    try:
        yield
    except FerError as error:
        _complain(str(error))
        raise typer.Exit(2) from error


def _stop_beside_namesake() -> None:
    with _in_a_sentence():
        refuse_namesake()


def _say_version(wanted: bool) -> None:
    if not wanted:
        return
    _stop_beside_namesake()
    from fer import __version__  # only now is it sure to be ours

    with _in_a_sentence(), printing():
        print(f"fer-studio {__version__}")
    raise typer.Exit


@app.callback()
def whole(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say it and exit."),
    ] = False,
) -> None:
    """Facial emotion recognition on photos and videos."""
    # A name may hold what the terminal cannot write: it is escaped, and the rest goes on.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    _stop_beside_namesake()


@app.command()
def predict(
    photos: Annotated[list[str], typer.Argument(metavar="PHOTO...", show_default=False)],
    model: Annotated[str, typer.Option(help="A name from `fer models`, a folder or a Hub id.")] = (
        DEFAULT_MODEL
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a photo.")] = False,
) -> None:
    """Name the emotion of every face in photos.

    Exit status 2 if a photo cannot be read; the others are done all the same.
    """
    # Imported here, as in all commands: PyTorch takes seconds to load, which `--help` does not
    # need, and Ctrl-C meanwhile gets a word only from within a command.
    from fer.recognizer import Recognizer

    unreadable = False
    with _in_a_sentence():
        recognizer = Recognizer.from_pretrained(model)
        for path, faces in zip(photos, recognizer.recognize_each(photos), strict=True):
            if isinstance(faces, UnreadableImage):
                unreadable = True
                _complain(f"{path}: {faces}")
                continue
            with printing():
                if as_json:
                    found = [face.to_dict() for face in faces]
                    print(json.dumps({"path": path, "faces": found}))
                else:
                    _print_faces(path, faces)
    if unreadable:
        raise typer.Exit(2)


def _print_faces(path: str, faces: "list[Face]") -> None:
    if not faces:
        print(f"{path}: no face found")
    for number, face in enumerate(faces, start=1):
        box = face.box
        where = (
            "the whole image"
            if face.whole_image
            else f"face {number} at {box.x1:.0f},{box.y1:.0f} {box.width:.0f}x{box.height:.0f}"
        )
        print(f"{path}: {named(face.by_emotion, face.certain)} ({where})")


class EngineName(StrEnum):
    """What `fer score` computes with."""

    LOCAL = "local"
    RAY = "ray"


class Duplicates(StrEnum):
    """How often `fer score` scores photos whose bytes are equal."""

    EACH = "each"
    ONCE = "once"


@app.command()
def score(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="A folder of photos; shards: .tar, or .parquet with images; a manifest: .csv or "
            ".parquet with a column path. Or their URL: s3://, gs://, hf:// …",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="results.csv, .jsonl or .parquet; results/; - for stdout."
        ),
    ] = None,
    files_from: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Instead: a list of paths or URLs, one a line; or -."),
    ] = None,
    model: Annotated[str, typer.Option(help="A name from `fer models`, a folder or a Hub id.")] = (
        DEFAULT_MODEL
    ),
    engine: Annotated[
        EngineName, typer.Option(help="This machine, or a Ray cluster (pip install -e '.[ray]').")
    ] = EngineName.LOCAL,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Cores to use; all of them when left out.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1 …; a GPU if there is one when left out.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster to use; one on this machine when left out.")
    ] = None,
    min_face: Annotated[
        int | None,
        typer.Option(
            min=12,
            help="Smallest face to look for, in pixels of a photo of 1152 at most: 24 when left "
            "out; larger is faster.",
        ),
    ] = None,
    duplicates: Annotated[
        Duplicates,
        typer.Option(help="Score photos whose bytes are equal once; the rows are the same."),
    ] = Duplicates.EACH,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Leave it at the first so many photos.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the photos and estimate the time; no output.")
    ] = False,
    part_rows: Annotated[
        int,
        typer.Option(min=1, max=1_000_000, help="Rows of each file of an output results/."),
    ] = 100_000,
    summary_file: Annotated[
        Path | None,
        typer.Option("--summary", help="Write counts, time, versions and settings as JSON."),
    ] = None,
    resume: Annotated[
        bool, typer.Option(help="Go on with an output of the same folder and model, or replace it.")
    ] = True,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Do the files again that could not be read.")
    ] = False,
    errors_ok: Annotated[
        bool, typer.Option("--errors-ok", help="Exit status 0 also if files could not be read.")
    ] = False,
) -> None:
    """Score photos into a table: a row for each face, and one for each file without.

    Stopped by Ctrl-C, a kill or a full disk, the same command goes on where it ended. Exit
    status 3 if rows of the table are errors, files that could not be read; 2 if the photos,
    the model or the output cannot be had, 130 or 143 if it was stopped.
    """
    from fer.recognizer import Recognizer
    from fer.scoring.run import refuse_source, refuse_summary, score_folder
    from fer.scoring.sources import find_photos
    from fer.scoring.summary import estimate, write_summary

    stop = threading.Event()
    received = _stop_on_signals(stop)
    with _in_a_sentence():
        if address and engine is not EngineName.RAY:
            raise FerError("--address names a Ray cluster: give --engine ray as well.")
        once = duplicates is Duplicates.ONCE
        if once and engine is EngineName.RAY:
            raise FerError("--duplicates once works on this machine: leave out --engine ray.")
        if output is None and not dry_run:
            raise FerError("Say where the table goes: --output results.csv, or - for stdout.")
        listing = find_photos(sources or [], files_from)
        if output:
            given = list(filter(None, [*(sources or []), files_from]))
            refuse_source(output, given)
            if summary_file:
                refuse_summary(summary_file, output, given)
        recognizer = Recognizer.from_pretrained(model, device=device, min_face=min_face)
        if dry_run:
            estimated = estimate(listing, recognizer, workers, limit)
            with printing():
                print(estimated)
            return
        assert output is not None
        summary = score_folder(
            listing,
            output,
            recognizer,
            engine=_ray(listing, recognizer, workers, address) if engine == "ray" else None,
            workers=workers,
            resume=resume,
            retry_errors=retry_errors,
            limit=limit,
            part_rows=part_rows,
            duplicates_once=once,
            stop=stop,
        )
        if summary_file:
            settings = {
                "sources": sources or [], "files_from": files_from, "output": output,
                "engine": engine.value, "workers": workers, "device": str(recognizer.device),
                "limit": limit, "duplicates": duplicates.value,
            }  # fmt: skip
            write_summary(summary_file, summary, settings)
    _complain(summary.sentence())
    if summary.stopped:
        raise typer.Exit(128 + received[0] if received else 1)
    if summary.errors + summary.errors_before and not errors_ok:
        raise typer.Exit(ERRORS)


@app.command()
def video(
    file: Annotated[Path, typer.Argument(help="mp4, mov, mkv, webm, avi, or an animated GIF.")],
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="faces.csv, .jsonl or .parquet; faces/; - for stdout."),
    ],
    model: Annotated[str, typer.Option(help="A name from `fer models`, a folder or a Hub id.")] = (
        DEFAULT_MODEL
    ),
    every: Annotated[
        str, typer.Option(help="Which frames to score: one in 0.2s, or each fifth: 5f.")
    ] = "0.2s",
    annotated: Annotated[
        Path | None, typer.Option(help="Also write the video with boxes and names: out.mp4.")
    ] = None,
    smoothing: Annotated[
        bool, typer.Option(help="Average each person's answers over half a second.")
    ] = True,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Cores to use; all of them when left out.")
    ] = None,
    resume: Annotated[
        bool, typer.Option(help="Go on with an output of the same video and model, or replace it.")
    ] = True,
) -> None:
    """Score a video into a table: a row for each face at each moment, with its time and track.

    Stopped by Ctrl-C, a kill or a full disk, the same command goes on where it ended. Exit
    status 3 if the video is cut off or damaged, which its last row says; 2 if the video, the
    model or the output cannot be had, 130 or 143 if it was stopped.
    """
    from fer.recognizer import Recognizer
    from fer.scoring.folder import local_path
    from fer.video.annotated import annotate_video, check_name, read_table
    from fer.video.reading import Every
    from fer.video.run import score_video
    from fer.video.timeline import SMOOTHING

    stop = threading.Event()
    received = _stop_on_signals(stop)
    with _in_a_sentence():
        chosen = Every.parse(every)
        table = local_path(output)
        if annotated:
            check_name(file, annotated)
            drawable = table and table.suffix.lower() in (".csv", ".parquet")
            if output.endswith("/") or not drawable:
                raise FerError(
                    "--annotated is drawn from the table: give --output a file that ends in .csv "
                    "or .parquet."
                )
        summary = score_video(
            file,
            output,
            Recognizer.from_pretrained(model),
            every=chosen,
            smoothing=SMOOTHING if smoothing else 0,
            workers=workers,
            resume=resume,
            stop=stop,
        )
        _complain(summary.sentence())
        if annotated and table and not summary.stopped:
            annotate_video(file, read_table(table), annotated, stop)
            if not stop.is_set():
                _complain(f"The video with boxes and names is {annotated}.")
    if stop.is_set():
        raise typer.Exit(128 + received[0] if received else 1)
    if summary.problem:
        raise typer.Exit(ERRORS)


def _ray(
    listing: "Listing", recognizer: "Recognizer", workers: int | None, address: str | None
) -> "Engine":
    from fer.scoring.ray_engine import RayEngine

    return RayEngine(listing.system, recognizer, workers=workers, address=address)


def _stop_on_signals(stop: threading.Event) -> list[int]:
    """End the run in good order on Ctrl-C and SIGTERM; the second time at once."""
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(number)
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return received


@app.command()
def models() -> None:
    """List the models there are: how good by each measure, how large, and what each is for.

    `votes`: agreement with the majority of ten annotators (FER+), which is nearer to what people
    see. `label`: FER-2013's own label, one opinion, by which networks are compared in papers.
    Both on the test images that they have.
    """
    from fer.artifacts import Artifact, list_models
    from fer.ferplus import MEASURES

    names = list_models()
    if not names:
        _complain("There are no models in models/.")
        raise typer.Exit(2)
    lines = [f"{'model':30}{'votes':>8}{'label':>8}{'weights':>12}{'size':>9}  what for"]
    for name in names:
        artifact = Artifact.find(name)
        try:
            cells = [
                f"{artifact.accuracy('test', measure):8.2%}"
                if measure in artifact.measures
                else f"{'–':>8}"
                for measure in reversed(MEASURES)
            ]
            size = f"{artifact.weights_bytes / 1e6:6.1f} MB" if artifact.has_weights else "not here"
            line = (
                f"{''.join(cells)}{artifact.parameters:12,}{size:>9}"
                f"  {artifact.config.purpose}; first weights: {artifact.first_weights}"
            )
        except FerError as error:
            line = str(error)
        lines.append(f"{name:30}{line}")
    with _in_a_sentence(), printing():
        print("\n".join(lines))


def _complain(sentence: str) -> None:
    print(f"fer: {sentence}", file=sys.stderr)
