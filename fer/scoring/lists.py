"""A list or a manifest -> entries: the photos that somebody names, one a line or one a row.

A list is text, a path or a URL a line, relative to the working directory, as `tar -T` and
`rsync --files-from` take them. A manifest is a table (CSV or Parquet) with such a column, relative
to its own place, as `datasets` has its `metadata.csv`; its other columns go into the output, so
that a photo can be told by an id. What is named is scored, whatever its ending, and what is missing
is an error row.
"""

import errno
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc

from fer.compare.tables import BYTE_ORDER_MARKS, read_table
from fer.errors import FerError, UnreadableTable, first_line
from fer.files import read_regular
from fer.scoring.folder import (
    DONT_CACHE,
    NOT_UTF_8,
    Entry,
    Listing,
    fail,
    local_path,
    read_remote,
    shown_name,
)
from fer.scoring.places import Place
from fer.scoring.rows import COLUMNS

STDIN = "-"

PATH_COLUMNS = ("path", "file_name")
"""What a manifest may call its photos' paths; the second is that of `datasets`."""


def list_paths(source: str) -> Listing:
    """List the photos that a file names, or stdin where it is `-`.

    Blank lines are passed over, and so is what was named before, which counts as skipped. Lines
    may end as on any system; where the file holds zero bytes, they end the names, as those of
    `find -print0` do.

    Raises:
        UnreadableTable: if the list cannot be read.
    """
    try:
        data = sys.stdin.buffer.read() if source == STDIN else read_regular(source)
        names = _names(data)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableTable(f"The list {source} cannot be read: {reason}.") from error
    there = "stdin" if source == STDIN else os.path.realpath(source)
    distinct = names.unique()

    def walk(listing: Listing) -> Iterator[Entry]:
        listing.skipped = len(names) - len(distinct)
        for name in distinct:
            yield _entry(os.fsdecode(name.as_py()))

    name = f"{os.getcwd()}, as {there} lists"
    return Listing(walk, shown_name(name), total=lambda: len(distinct))


def _names(data: bytes) -> pa.Array:
    """Return the names that a list holds, as bytes, in little more room than their text."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            data = data.decode(encoding).encode()  # PowerShell writes UTF-16
            break
    lines = data.split(b"\0") if b"\0" in data else data.splitlines()
    return pa.array([line for line in lines if line.strip()], pa.binary())


def list_manifest(place: Place, table: pa.Table | None = None) -> Listing:
    """List the photos that a table names, with its other columns.

    Args:
        place: of a CSV, whose cells are carried on as text.
        table: what is in it, where it was read already.

    Raises:
        UnreadableTable: if it is no table, has no column of paths, names one photo twice, or has
            a column that the output has, too.
    """
    if table is None:
        with table_errors(f"{place} cannot be read"), place.open() as file:
            frame = read_table(file, [], lower=False)
        table = pa.Table.from_pandas(frame.astype(object), preserve_index=False)
    column = path_column(table.schema)
    if column is None:
        raise UnreadableTable(
            f"{place} has no column of paths: call it {' or '.join(PATH_COLUMNS)}."
        )
    try:
        paths = table[column].cast(pa.string())
    except pa.ArrowException as error:
        raise UnreadableTable(f"{place}: its column {column} is no text.") from error
    if paths.null_count or pc.any(pc.equal(paths, "")).as_py():
        raise UnreadableTable(f"{place} has rows without a path: leave them out.")
    counts = paths.value_counts()
    if len(counts) < len(paths):
        twice = next(value["values"] for value in counts.to_pylist() if value["counts"] > 1)
        raise UnreadableTable(
            f"{place} names {twice} more than once: leave one row for each photo, or give its "
            "copies other names."
        )
    types = carried_types(place, table.schema, leave_out={column})

    def walk(listing: Listing) -> Iterator[Entry]:
        for batch in table.to_batches(max_chunksize=1000):
            try:
                values = batch.select(list(types)).to_pylist()
            except NO_VALUE as error:
                raise UnreadableTable(
                    f"{place} holds a value that cannot be carried into the output: {error}."
                ) from error
            for name, carried in zip(batch[column].to_pylist(), values, strict=True):
                yield _entry(str(name), place.folder, carried)

    return Listing(walk, place.name, carried=types, total=lambda: len(table))


@contextmanager
def table_errors(what: str) -> Iterator[None]:
    """Raise what Arrow or a file system raises in the block as an `UnreadableTable`.

    Args:
        what: is wrong then, as the beginning of a sentence.
    """
    try:
        yield
    except FerError:
        raise
    except Exception as error:  # each file system fails in its own library's ways
        raise UnreadableTable(f"{what}: {first_line(error)}.") from error


def path_column(schema: pa.Schema) -> str | None:
    """Return the column of a table that names photos, if there is one."""
    return next((name for name in PATH_COLUMNS if name in schema.names), None)


def carried_types(place: Place, schema: pa.Schema, leave_out: set[str]) -> dict[str, pa.DataType]:
    """Return the columns that are carried into the output: text, numbers, dates, yes or no.

    Raises:
        UnreadableTable: if the output has a column of that name, too.
    """
    types = {
        column.name: column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        for column in schema
        if column.name not in leave_out
        and not column.name.startswith("__index_level")
        and not pa.types.is_nested(column.type)
        and not any(is_bytes(column.type) for is_bytes in BYTES)
    }
    if both := [name for name in types if name in COLUMNS]:
        raise UnreadableTable(
            f"{place} has a column {both[0]}, and the output has its own: rename it."
        )
    return types


NO_VALUE = (OverflowError, ValueError)
"""What Arrow raises where Python has no such value: years beyond 9999, time zones that are none."""

BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
"""Types of columns that hold files, and no values."""


def _entry(name: str, folder: str = "", carried: Mapping[str, Any] | None = None) -> Entry:
    """Return what a name stands for.

    Args:
        name: a path or a URL.
        folder: what it is relative to, a path or a URL; the working directory when left out.
    """
    carried = carried or {}
    shown = shown_name(name)
    if shown != name:
        return Entry(shown, partial(fail, errno.EILSEQ, NOT_UTF_8), carried=carried)
    if "\0" in name:
        reason = "The name holds a zero byte"
        return Entry(name.replace("\0", "\\0"), partial(fail, errno.EINVAL, reason), None, carried)
    whole = name if "://" in name else os.path.join(folder, name)
    path = Path(whole) if os.path.lexists(whole) else local_path(whole)
    if path is None:
        return Entry(name, partial(_read_url, whole), carried=carried)
    # Another process, which may be less careful, is not sent to a pipe or a device.
    # `Path.is_file` raises of a name that is too long.
    location = os.path.abspath(path) if os.path.isfile(path) else None
    return Entry(name, partial(read_regular, path), location, carried)


def _read_url(url: str) -> bytes:
    try:
        system, path = fsspec.core.url_to_fs(url, **DONT_CACHE)
    except Exception as error:  # each file system's own: no such scheme, a package that is missing
        raise OSError(errno.EIO, first_line(error)) from error
    return read_remote(system, path)
