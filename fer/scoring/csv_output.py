"""A table as CSV: rows are appended photo by photo.

If the process is killed or the disk is full, only the rows of the photo written last can be
incomplete, because the rows before them were written earlier. Resuming such a file therefore
removes the rows of its last photo and scores that photo again. The same holds for the frames of a
video.
"""

import csv
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from fer.columns import Status
from fer.errors import OutputFailed
from fer.files import replacing
from fer.scoring.output import (
    Output,
    OutputRefused,
    Paths,
    Run,
    Sidecar,
    lock,
    sync,
    writing,
)
from fer.scoring.rows import COLUMNS, FLAGS, PHOTOS, TEXT, WHOLE, Layout, Rows
from fer.stdout import printing

EXCEL_MARK = b"\xef\xbb\xbf"
"""Before a table that is downloaded for Excel: without it, Excel reads UTF-8 as a code page."""
NEEDS_QUOTES = frozenset(',"\r\n')
LONGEST = 1_000_000
"""Bytes of lines that one row may go over: a path and an error need far fewer."""


def header(columns: Sequence[str] = COLUMNS) -> bytes:
    """Return a table's first line."""
    return (",".join(columns) + "\n").encode()


HEADER = header()


class StdoutOutput(Output):
    """CSV on stdout, which cannot be resumed."""

    def __init__(self, layout: Layout = PHOTOS) -> None:
        self.layout = layout
        self._print(header(layout.columns))

    def write(self, rows: Rows) -> None:
        """Print the rows of one photo."""
        self._print(csv_lines(rows, self.layout.columns))

    def close(self, finished: bool) -> None:
        """Do nothing: each photo was printed at once."""

    def _print(self, data: bytes) -> None:
        with printing():
            sys.stdout.buffer.write(data)


class CsvOutput(Output):
    """A CSV file."""

    def __init__(
        self, path: Path, run: Run, *, resume: bool, retry_errors: bool, layout: Layout = PHOTOS
    ) -> None:
        """Open the file, to begin it or to resume it.

        Raises:
            OutputRefused: if it belongs to another run, or another process writes it.
            OutputFailed: if it cannot be written.
        """
        self.path = path
        self.run = run
        self.layout = layout
        self.status = layout.columns.index("status")
        self.sidecar = Sidecar(path)
        going_on = resume and path.exists() and path.stat().st_size > 0
        if going_on:
            self.sidecar.belongs_to(run)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self._open()
            try:
                if going_on:
                    self._cut_back()
                    if retry_errors:
                        self._drop_errors()
                    with open(path, "rb") as file:
                        self.done = Paths(self._counted(self._records(file)))
                else:
                    self.file.truncate(0)
                    self.sidecar.write(run)
                self.size = self.file.seek(0, os.SEEK_END)
                if self.size == 0:
                    self._append(self._head())
            except BaseException:
                self.file.close()
                raise

    def write(self, rows: Rows) -> None:
        """Append the rows of one photo."""
        with writing(self.path):
            self._append(self._lines(rows))

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that are there, typed as they were given."""
        return read_csv(self.path, self.layout)

    def close(self, finished: bool) -> None:
        """Note that the last photo is whole as well, so that resuming need not do it again."""
        with self.file, writing(self.path):
            sync(self.file)
            self.sidecar.write(self.run, whole_bytes=self.size)

    def _head(self) -> bytes:
        return header(self.layout.columns)

    def _lines(self, rows: Rows) -> bytes:
        longest = csv.field_size_limit()
        for name, value in chain.from_iterable(row.items() for row in rows):
            if isinstance(value, str) and len(value) > longest:  # it would not be read back
                raise OutputFailed(
                    f"{self.path} cannot be written: a cell of {name} has more than {longest:,} "
                    "characters, and CSV is not read with such: give --output a .parquet or .jsonl."
                )
        return csv_lines(rows, self.layout.columns)

    def _records(self, file: BinaryIO) -> Iterator["Record"]:
        return records(file, self.path, self.layout)

    def _counted(self, rows: Iterable["Record"]) -> Iterator[str]:
        """Yield the rows' paths, and count the errors among them."""
        for row in rows:
            self.errors += row.fields[self.status] == Status.ERROR
            yield row.key

    def _open(self) -> BinaryIO:
        file = open(self.path, "r+b" if self.path.exists() else "x+b", buffering=0)  # noqa: SIM115
        try:
            lock(file, self.path)
        except OutputRefused:
            file.close()
            raise
        return file

    def _append(self, data: bytes) -> None:
        try:
            rest = memoryview(data)
            while rest:  # a nearly full disk takes a part; the next call says why
                rest = rest[self.file.write(rest) :]
        except OSError:
            self.file.truncate(self.size)
            self.file.seek(self.size)
            raise
        self.size += len(data)

    def _cut_back(self) -> None:
        """Remove the last photo's rows, which may be incomplete, unless the file was closed."""
        if self.file.seek(0, os.SEEK_END) == self.sidecar.whole_bytes():
            return
        whole, last = 0, None
        with open(self.path, "rb") as file:
            for record in self._records(file):
                if record.key != last:
                    whole, last = record.start, record.key
        self.file.truncate(whole)

    def _drop_errors(self) -> None:
        with replacing(self.path) as partial:
            with open(self.path, "rb") as old, open(partial, "wb") as new:
                new.write(self._head())
                for record in self._records(old):
                    if record.fields[self.status] != Status.ERROR:
                        new.write(record.line)
                whole = new.tell()
                new.flush()
                sync(new)
            self.sidecar.write(self.run, whole_bytes=whole)
        self.file.close()
        self.file = self._open()


class Record(NamedTuple):
    """A row as it stands in a CSV file."""

    start: int
    """Where it begins, in bytes."""
    line: bytes
    key: str
    """What it has in the layout's key column."""
    fields: list[str]


def read_csv(path: Path, layout: Layout) -> Iterator[dict[str, Any]]:
    """Yield a table's rows, typed as they were given; an empty cell is `None`.

    Raises:
        OutputRefused: if the file is not such a table, or was changed by another program.
    """
    with open(path, "rb") as file:
        for record in records(file, path, layout):
            pairs = zip(layout.columns, record.fields, strict=True)
            try:
                row = {name: _value(name, text, layout) for name, text in pairs}
            except ValueError as error:
                raise changed(path, record.start) from error
            yield row


def _value(column: str, text: str, layout: Layout) -> str | int | float | None:
    if not text:
        return None
    if column in TEXT or column in layout.carried:
        return text
    if column in FLAGS:
        return text == str(True)
    return int(text) if column in WHOLE else float(text)


def records(file: BinaryIO, name: Path, layout: Layout = PHOTOS) -> Iterator[Record]:
    """Read the rows of a table; a torn one at the end is left out.

    Raises:
        OutputRefused: if the file is not a table of this program, or was changed by another.
    """
    first, expected = file.readline(), header(layout.columns)
    if first != expected:
        if expected.startswith(first):  # killed while it was written
            return
        raise OutputRefused(f"{name} is not a table of this program: give another --output.")
    key = layout.columns.index(layout.key)
    start, record, quotes = file.tell(), bytearray(), 0
    for line in file:
        record += line
        quotes += line.count(b'"')
        if quotes % 2 or not line.endswith(b"\n"):
            # A line break inside quotes, or the torn end; of a whole table a quote too many.
            if line.endswith(b"\n") and len(record) > LONGEST:
                raise changed(name, start)
            continue
        try:
            fields = next(csv.reader([record.decode()]))
        except (ValueError, csv.Error) as error:
            raise changed(name, start) from error
        if len(fields) != len(layout.columns):
            raise changed(name, start)
        yield Record(start, bytes(record), fields[key], fields)
        start, record, quotes = start + len(record), bytearray(), 0


def changed(name: Path, start: int) -> OutputRefused:
    """Say that another program changed a table, at this byte."""
    return OutputRefused(
        f"{name} was changed by another program (at byte {start}): give another --output."
    )


def csv_lines(rows: Iterable[dict[str, Any]], columns: Sequence[str] = COLUMNS) -> bytes:
    """Return rows as lines of CSV."""
    lines = (",".join(_field(row.get(name)) for name in columns) + "\n" for row in rows)
    return "".join(lines).encode()


def _field(value: Any) -> str:
    text = "" if value is None else str(value)
    # Python's csv module leaves a lone carriage return bare, which other readers end the line at.
    if NEEDS_QUOTES.intersection(text):
        return '"' + text.replace('"', '""') + '"'
    return text
