"""Score a collection of photos into a table; an interrupted run is resumed by running it again."""

import copy
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fer.columns import Status
from fer.ensemble import Ensemble
from fer.files import same_file
from fer.recognizer import Recognizer
from fer.scoring.csv_output import CsvOutput, StdoutOutput
from fer.scoring.dataset_output import PART_ROWS, DatasetOutput
from fer.scoring.duplicates import OnceEngine
from fer.scoring.folder import Entry, Listing, list_folder, local_path
from fer.scoring.jsonl_output import JsonlOutput
from fer.scoring.local import score_entries
from fer.scoring.output import (
    Output,
    OutputRefused,
    Run,
    Sidecar,
    check_beside,
    refuse_other_than_file,
    writing,
)
from fer.scoring.parquet_output import ParquetOutput
from fer.scoring.rows import PHOTOS, Layout, Rows, count_faces, safe_path
from fer.wording import counted

STDOUT = "-"

Engine = Callable[[Iterable[Entry], threading.Event], Iterator[Rows]]
"""Takes the entries of a folder and yields the rows of each; ends early once the event is set."""


@dataclass(frozen=True)
class Summary:
    """Counts of what a run did."""

    photos: int
    """Photos of this run, unreadable ones included."""
    faces: int
    errors: int
    before: int
    """Photos that were in the table already."""
    errors_before: int
    """Of these, the ones that could not be read."""
    copies: int
    """Photos of this run that were not scored, because one with the same bytes had been."""
    skipped: int
    """Files that are no photos."""
    stopped: bool
    """Whether it was stopped before the end."""
    seconds: float
    """What this run took, without loading the model."""
    run: Run
    """What the rows depend on."""

    def sentence(self) -> str:
        """Say it to people."""
        text = f"{counted(self.photos, 'photo')}, {counted(self.faces, 'face')}"
        text += f", {counted(self.errors, 'error')}"
        if self.before:
            text += f"; {counted(self.before, 'photo')} had been done before"
        if self.errors_before:
            text += f", {self.errors_before:,} of them errors"
        if self.copies:
            text += f"; {counted(self.copies, 'photo')} scored by a copy"
        if self.skipped:
            others = counted(self.skipped, "file of another kind", "files of other kinds")
            text += f"; {others} skipped"
        if self.stopped:
            text += "; stopped before the end: the same command goes on from here"
        return text + "."


def score_folder(
    folder: str | Path | Listing,
    output: str | Path,
    recognizer: Recognizer,
    *,
    engine: Engine | None = None,
    workers: int | None = None,
    resume: bool = True,
    retry_errors: bool = False,
    limit: int | None = None,
    part_rows: int = PART_ROWS,
    duplicates_once: bool = False,
    stop: threading.Event | None = None,
) -> Summary:
    """Score the photos of a collection into a table, with a progress bar on stderr.

    Args:
        folder: a local folder, a URL that fsspec knows, or another collection's listing, from
            `fer.scoring.sources`.
        output: a path that ends in `.csv`, `.jsonl`, `.parquet` or, for a folder of Parquet, `/`;
            or `-` for CSV on stdout.
        recognizer: the model, by whose name the table calls it.
        engine: what scores; this machine when left out.
        workers: of this machine; as many as there are cores when left out.
        resume: go on with an output of the same run; otherwise replace what is there.
        retry_errors: do the files again that could not be read.
        limit: leave it at the collection's first so many photos.
        part_rows: rows of each file where the output is a folder.
        duplicates_once: score photos whose bytes are equal once, which changes no row; on this
            machine only.
        stop: once set, the run ends after the photos that were begun.

    Raises:
        UnknownFolder: if there is no such folder.
        OutputRefused: if the output belongs to another run.
        OutputFailed: if the disk is full; what is complete is kept.
    """
    assert not (engine and duplicates_once)
    once = OnceEngine(recognizer, workers) if duplicates_once else None
    engine = engine or once
    stop = stop or threading.Event()
    began = time.monotonic()
    listing = folder if isinstance(folder, Listing) else list_folder(folder)
    run = describe(listing.name, recognizer)
    run = replace(run, carried={name: str(kind) for name, kind in listing.carried.items()})
    layout = PHOTOS.carrying(listing.carried)
    table = open_output(
        output, run, resume=resume, retry_errors=retry_errors, layout=layout, part_rows=part_rows
    )
    carried: dict[str, Mapping[str, Any]] = {}
    """Of the photos that are under way, by path."""

    def wanted() -> Iterator[Entry]:
        for entry in islice(listing, limit):
            path = safe_path(entry.path)
            if path not in table.done:
                if entry.carried:
                    carried[path] = entry.carried
                yield entry

    rows = (
        engine(wanted(), stop)
        if engine
        else score_entries(wanted(), recognizer, workers=workers, stop=stop)
    )
    photos = faces = errors = 0
    before = len(table.done)
    finished = False
    try:
        with tqdm(initial=before, unit=" photos", smoothing=0.02, mininterval=0.5) as bar:
            counting = _count(copy.copy(listing), limit, bar)
            try:
                for photo in rows:
                    more = carried.pop(photo[0]["path"], {})
                    table.write([{**row, **more} for row in photo])
                    photos += 1
                    faces += count_faces(photo)
                    errors += photo[0]["status"] == Status.ERROR
                    bar.set_postfix(faces=faces, errors=errors, refresh=False)
                    bar.update()
            finally:
                counting.set()
        finished = not stop.is_set()
    finally:
        table.close(finished)
    return Summary(
        photos, faces, errors, before, table.errors, once.copies if once else 0, listing.skipped,
        not finished, time.monotonic() - began, run,
    )  # fmt: skip


def open_output(
    output: str | Path,
    run: Run,
    *,
    resume: bool = True,
    retry_errors: bool = False,
    layout: Layout = PHOTOS,
    part_rows: int = PART_ROWS,
) -> Output:
    """Open an output, of the kind that its file's ending names.

    Args:
        output: a path; a folder of Parquet if it ends in `/`, or `-` for stdout.
        part_rows: of such a folder's files.

    Raises:
        OutputRefused: if there is no such kind of table, or it belongs to another run.
        OutputFailed: if it cannot be written.
    """
    if str(output) == STDOUT:
        return StdoutOutput(layout)
    path = local_path(output)
    if path is None:
        raise OutputRefused(f"The output {output} is a URL: give a file on this machine.")
    kinds = {".csv": CsvOutput, ".jsonl": JsonlOutput, ".parquet": ParquetOutput}
    as_folder = str(output).endswith("/")
    if not as_folder and path.suffix.lower() not in kinds:
        raise OutputRefused(
            f"The output {path} must end in .csv, .jsonl or .parquet, or in / for a folder of "
            "Parquet, or be - for CSV on stdout."
        )
    with writing(path):  # a name may be too long for the disk, or a folder closed
        there = next((parent for parent in path.absolute().parents if parent.exists()), path)
        if not there.is_dir():
            raise OutputRefused(
                f"The output {path} lies in {there}, which is a file: give another."
            )
        options: Any = {"resume": resume, "retry_errors": retry_errors, "layout": layout}
        if as_folder:
            if path.exists() and not path.is_dir():
                raise OutputRefused(f"The output {path} is a file: give a folder.")
            return DatasetOutput(path, run, part_rows=part_rows, **options)
        refuse_other_than_file(path)
        return kinds[path.suffix.lower()](path, run, **options)


def refuse_source(output: str | Path, sources: Iterable[str | Path]) -> None:
    """Raise `OutputRefused` if an output is one of the files that are scored into it."""
    path = local_path(output)
    if str(output) == STDOUT or path is None:
        return
    for source in map(local_path, sources):
        if source and same_file(source, path):
            raise OutputRefused(f"The output {path} would replace what is scored: give another.")


def refuse_summary(summary: Path, output: str | Path, sources: Iterable[str | Path]) -> None:
    """Check before a run where its summary is to be written, which is at its end.

    Raises:
        OutputRefused: if that is no place for a file, or one of the photos' lists or of the table.
        OutputFailed: if nothing can be written there.
    """
    check_beside(summary)
    refuse_source(summary, sources)
    table = local_path(output)
    if str(output) == STDOUT or table is None:
        return
    path, table = summary.resolve(), table.resolve()
    # Readers of a folder of Parquet, and who goes on with it, take no other files in it.
    if path in (table, Sidecar(table).path) or (
        str(output).endswith("/") and table in path.parents
    ):
        raise OutputRefused(f"The summary {summary} would be part of the output: give another.")


def describe(name: str, recognizer: Recognizer) -> Run:
    """Describe what the rows of a run depend on: see `fer.scoring.output.Run`.

    Args:
        name: where the photos come from, as `Listing.name`.
        recognizer: the model.
    """
    digest = sha256(recognizer.config.to_json().encode())
    if isinstance(recognizer.network, Ensemble):
        for config in recognizer.network.configs:
            digest.update(config.to_json().encode())
    for key, weights in recognizer.network.state_dict().items():
        digest.update(key.encode())
        digest.update(weights.cpu().contiguous().numpy().data)
    return Run(
        folder=name,
        model=recognizer.name,
        weights=digest.hexdigest(),
        detector=recognizer.detector.settings,
    )


def _count(listing: Listing, limit: int | None, bar: "tqdm[Any]") -> threading.Event:
    """Count the photos beside the run, so that the bar can tell the time left."""
    enough = threading.Event()

    def count() -> None:
        total: int | None = 0
        if listing.total:
            total = listing.total()
        else:
            for total, _ in enumerate(islice(listing, limit), start=1):  # noqa: B007
                if enough.is_set():
                    return
        bar.total = total if limit is None or total is None else min(total, limit)

    threading.Thread(target=count, name="fer-count", daemon=True).start()
    return enough
