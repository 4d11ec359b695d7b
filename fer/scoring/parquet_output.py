"""A table as Parquet: several files while it grows, joined into one when it is finished.

A Parquet file cannot be appended to. While a run lasts, the folder `results.parquet.parts/`
therefore holds parts of the table, each with all rows of its photos. A part gets its name only
once it is complete, so pandas and pyarrow can read the folder at any time. At the end the parts
are joined into `results.parquet`.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fer.columns import Status
from fer.files import replacing
from fer.scoring.output import Output, OutputFailed, Paths, Run, Sidecar, lock, sync, writing
from fer.scoring.rows import FLAGS, PHOTOS, TEXT, WHOLE, Layout, Rows

PART_ROWS = 20_000
PART_SECONDS = 60.0
"""A part is written after so many rows or seconds; a killed run loses no more than that."""

TYPES = (
    dict.fromkeys(TEXT, pa.string())
    | dict.fromkeys(WHOLE, pa.int32())
    | dict.fromkeys(FLAGS, pa.bool_())
)
"""Types of the columns that are not float64."""


def schema(layout: Layout = PHOTOS) -> pa.Schema:
    """Return the types of a table's columns."""
    types = TYPES | dict(layout.carried)
    return pa.schema([(name, types.get(name, pa.float64())) for name in layout.columns])


SCHEMA = schema()
JOINED = b"fer.joined"
"""Metadata key of the joined file; the value is the number of the last part that is in it."""


class ParquetOutput(Output):
    """A Parquet file."""

    def __init__(
        self, path: Path, run: Run, *, resume: bool, retry_errors: bool, layout: Layout = PHOTOS
    ) -> None:
        """Open the table, to begin it or to resume it.

        Raises:
            OutputRefused: if it belongs to another run, or another process writes it.
            OutputFailed: if it cannot be written.
        """
        self._prepare(path, layout)
        self.parts = path.with_name(path.name + ".parts")
        sidecar = Sidecar(path)
        going_on = resume and (path.exists() or any(self.parts.glob("*.parquet")))
        if going_on:
            sidecar.belongs_to(run)
        with writing(path):
            self.parts.mkdir(parents=True, exist_ok=True)
            self.folder = os.open(self.parts, os.O_RDONLY)
            try:
                lock(self.folder, path)
                for file in self.parts.glob("*.new"):
                    file.unlink()
                if not going_on:
                    for file in (path, *self._part_files()):
                        file.unlink(missing_ok=True)
                    sidecar.write(run)
                joined = self._last_joined()
                for part in self._part_files():
                    if part_number(part) <= joined:  # killed after joining it, before removing it
                        part.unlink()
                self.next_part = max([joined, *map(part_number, self._part_files())]) + 1
                if retry_errors:
                    for file in self._files():
                        drop_errors(file)
                self.done = Paths(self._done())
            except BaseException:
                os.close(self.folder)
                raise

    def _prepare(self, path: Path, layout: Layout) -> None:
        self.path = path
        self.layout = layout
        self.schema = schema(layout)
        self.rows: Rows = []
        self.part_began = time.monotonic()

    def write(self, rows: Rows) -> None:
        """Add the rows of one photo; they are on the disk once the part is."""
        self.rows.extend(rows)
        age = time.monotonic() - self.part_began
        if len(self.rows) >= PART_ROWS or age >= PART_SECONDS:
            self._write_part()

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that are on the disk, the parts' included."""
        for file in self._files():
            yield from read_parquet(file)

    def close(self, finished: bool) -> None:
        """Write the last part and, if no photo is missing, join all parts."""
        try:
            self._write_part()
            if finished:
                with writing(self.path):
                    if self._part_files() or not self.path.exists():
                        self._join()
                    shutil.rmtree(self.parts)
        finally:
            os.close(self.folder)

    def _write_part(self) -> None:
        if self.rows:
            with writing(self.path):
                table = pa.Table.from_pylist(self.rows, schema=self.schema)
                replace_table(
                    self.parts / f"{self.next_part:06}.parquet", iter([table]), self.schema
                )
            self.next_part += 1
            self.rows = []
        self.part_began = time.monotonic()

    def _join(self) -> None:
        noted = self.schema.with_metadata({JOINED: str(self.next_part - 1).encode()})
        replace_table(
            self.path, (table for file in self._files() for table in _tables(file)), noted
        )

    def _part_files(self) -> list[Path]:
        return sorted(self.parts.glob("*.parquet"), key=part_number)

    def _files(self) -> list[Path]:
        return [*([self.path] if self.path.exists() else []), *self._part_files()]

    def _last_joined(self) -> int:
        if not self.path.exists():
            return 0
        return int((_open(self.path).schema_arrow.metadata or {}).get(JOINED, b"0"))

    def _done(self) -> Iterator[str]:
        for file in self._files():
            for batch in _open(file).iter_batches(columns=[self.layout.key, "status"]):
                self.errors += batch.column("status").to_pylist().count(Status.ERROR)
                yield from map(str, batch.column(self.layout.key).to_pylist())


def read_parquet(file: Path) -> Iterator[dict[str, Any]]:
    """Yield a table's rows, a few at a time.

    Raises:
        OutputFailed: if the file is damaged.
    """
    for batch in _open(file).iter_batches():
        yield from batch.to_pylist()


def part_number(part: Path) -> int:
    """Return a part's number, which in time has more digits than its name was filled up to."""
    return int(part.stem.removeprefix("part-"))


def _open(file: Path) -> pq.ParquetFile:
    try:
        # As an open file: pyarrow itself opens no path that is not UTF-8.
        return pq.ParquetFile(open(file, "rb"))
    except pa.ArrowInvalid as error:
        raise OutputFailed(
            f"{file} is damaged ({error}): give another --output, or --no-resume to replace it."
        ) from error


def _tables(file: Path) -> Iterator[pa.Table]:
    reader = _open(file)
    for group in range(reader.num_row_groups):
        yield reader.read_row_group(group)


def replace_table(file: Path, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
    """Write a file that appears under its name only once it is complete."""
    # Whoever reads the folder passes by what begins so, also what a kill has left.
    with replacing(file, prefix="_") as partial, open(partial, "wb") as written:
        with pq.ParquetWriter(written, schema) as writer:
            for table in tables:
                writer.write_table(table.cast(schema))
        written.flush()
        sync(written)


def read_whole(file: Path) -> pa.Table:
    """Read a part.

    Raises:
        OutputFailed: if the file is damaged.
    """
    return _open(file).read()


def drop_errors(file: Path) -> None:
    """Write a part again without the rows of what could not be read."""
    reader = _open(file)
    schema = reader.schema_arrow
    kept = (
        table.filter(pa.compute.not_equal(table["status"], Status.ERROR.value))
        for table in _tables(file)
    )
    replace_table(file, kept, schema)
