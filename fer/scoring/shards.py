"""Shards -> entries: photos inside tar files (WebDataset) and in tables (Parquet, `datasets`).

Nothing is unpacked: a member of a tar is read where it lies, alone, and images in Parquet come a
few rows at a time. In the output a photo is called by its shard and its name or row there.
"""

import errno
import os
import tarfile
from collections.abc import Iterator
from functools import partial
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from fer.errors import UnreadableTable, first_line
from fer.faces.images import HEAD
from fer.files import MAX_BYTES, read_regular
from fer.scoring.folder import Entry, Listing, fail, is_photo, leads_out, shown_name
from fer.scoring.lists import BYTES, carried_types, list_manifest, path_column, table_errors
from fer.scoring.places import Place

MAX_HEADER = 1_000_000
"""Bytes of a tar member's header, whose size is what it says itself: names are far shorter."""

IMAGE = "image"
"""What `datasets` calls a column of images; without it, the first of their type is taken."""

ROWS = 16
"""Rows of Parquet that are in memory at a time."""


def list_tars(places: list[Place]) -> Listing:
    """List the photos in tar files, in their order, as `is_photo` tells them."""

    def walk(listing: Listing) -> Iterator[Entry]:
        for place in places:
            yield from _walk_tar(listing, place)

    # Behind a URL, the way from header to header leads through all of the file.
    remote = places[0].system is not None
    return Listing(walk, f"{places[0].folder} (tar)", total=(lambda: None) if remote else None)


def _walk_tar(listing: Listing, place: Place) -> Iterator[Entry]:
    counts: dict[str, int] = {}
    try:
        with place.open() as file, _open_tar(file) as tar:
            while member := tar.next():
                if member.size < 0:  # the way to the next would lead back, round and round
                    raise tarfile.ReadError(f"the size of {shown_name(member.name)} is negative")
                tar.members.clear()  # type: ignore[attr-defined]  # it would keep all of them
                if member.isdir():
                    continue
                name = shown_name(member.name)
                if is_photo(name, partial(_head, place, member)):
                    path = f"{place.short}/{_distinct(name, counts)}"
                    yield Entry(path, partial(_read_member, place, member))
                else:
                    listing.skipped += 1
            # What tarfile takes for the end may be damage or a cut.
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError(f"it is damaged or cut off at byte {tar.offset:,}")
    except Exception as error:  # tarfile's, which also exhausts the stack, and each file system's
        reason = getattr(error, "strerror", None) or first_line(error)
        yield Entry(place.short, partial(fail, errno.EIO, f"as a tar, {reason}"))


def _distinct(name: str, counts: dict[str, int]) -> str:
    """Return a name, with a number where it was there before: a tar may hold a name twice.

    Args:
        counts: how often each name was there; this one is added.

    >>> counts = {}
    >>> [_distinct(name, counts) for name in ("a.jpg", "b/a.jpg", "a.jpg", "a.jpg", "a (2).jpg")]
    ['a.jpg', 'b/a.jpg', 'a (2).jpg', 'a (3).jpg', 'a (2) (2).jpg']
    """
    stem, ending = os.path.splitext(name)
    path = name
    while path in counts:
        counts[name] += 1
        path = f"{stem} ({counts[name]}){ending}"
    counts[path] = 1
    return path


def _open_tar(file: IO[bytes]) -> tarfile.TarFile:
    return tarfile.open(fileobj=cast(IO[bytes], _Headers(file)), mode="r:")


class _Headers:
    """A tar's file as tarfile reads it: only headers, none of which may be beyond measure."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if size > MAX_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes is damaged")
        return self.file.read(size)


def _refusal(member: tarfile.TarInfo) -> str | None:
    """Say why a member is not read, as a part of a sentence."""
    if leads_out(member.name):
        return "its name leads out of the archive"
    if member.issym() or member.islnk():
        return "it is a link, and links in an archive are not followed"
    if not member.isreg() or member.issparse():
        return "it is not a regular file"
    if member.size > MAX_BYTES:
        return f"it is larger than {MAX_BYTES // 1_000_000:,} MB"
    return None


def _read_member(place: Place, member: tarfile.TarInfo, size: int | None = None) -> bytes:
    if reason := _refusal(member):
        raise OSError(errno.EPERM, reason)
    wanted = member.size if size is None else min(size, member.size)
    data = place.read(member.offset_data, wanted)
    if len(data) < wanted:
        raise OSError(errno.EIO, "the archive is cut off within it")
    return data


def _head(place: Place, member: tarfile.TarInfo) -> bytes:
    try:
        return _read_member(place, member, HEAD)
    except OSError:  # nothing says that it is a photo
        return b""


def list_tables(places: list[Place]) -> Listing:
    """List the photos of Parquet files: their column of images or, in a manifest, of paths.

    Images are as `datasets` writes them, struct{bytes, path} or bytes alone. The other columns of
    text, numbers, dates and flags are carried into the output.

    Raises:
        UnreadableTable: if a file is no Parquet, has neither column, or others than the first.
    """
    schemas = [_schema(place) for place in places]
    image = image_column(schemas[0])
    if image is None:
        if path_column(schemas[0]) is None or len(places) > 1:
            raise UnreadableTable(
                f"{places[0]} has no column of images (struct{{bytes, path}} or bytes): give such "
                "a file, or one manifest with a column path."
            )
        with table_errors(f"{places[0]} is damaged"), places[0].open() as file:
            table = pq.read_table(file)
        return list_manifest(places[0], table)
    types = carried_types(places[0], schemas[0], leave_out={image})
    for place, schema in zip(places, schemas, strict=True):
        for name in (image, *types):
            if name not in schema.names or schema.field(name).type != schemas[0].field(name).type:
                raise UnreadableTable(f"{place} has another column {name} than {places[0]}.")

    def walk(listing: Listing) -> Iterator[Entry]:
        for place in places:
            yield from _walk_table(place, image, types)

    def total() -> int:
        count = 0
        for place in places:
            with place.open() as file:
                count += pq.read_metadata(file).num_rows
        return count

    return Listing(walk, f"{places[0].folder} (Parquet)", carried=types, total=total)


def image_column(schema: pa.Schema) -> str | None:
    """Return the column that holds images, if there is one."""
    images = [column.name for column in schema if _holds_files(column.type)]
    return IMAGE if IMAGE in images else next(iter(images), None)


def _holds_files(kind: pa.DataType) -> bool:
    """Say whether a column is of files' bytes, or of what `datasets` makes of them."""
    if pa.types.is_struct(kind):
        files = [field.type for field in kind if field.name == "bytes"]
        return len(files) == 1 and _holds_files(files[0])
    return any(is_bytes(kind) for is_bytes in BYTES)


def _schema(place: Place) -> pa.Schema:
    with table_errors(f"{place} is no Parquet file"), place.open() as file:
        schema = pq.read_schema(file)
    if len(set(schema.names)) < len(schema.names):
        raise UnreadableTable(f"{place} has two columns of one name: leave one of them out.")
    return schema


def _walk_table(place: Place, image: str, types: dict[str, pa.DataType]) -> Iterator[Entry]:
    row = 0
    try:
        with place.open() as file:
            for batch in pq.ParquetFile(file).iter_batches(ROWS, columns=[image, *types]):
                values = batch.select(list(types)).to_pylist()
                for cell, carried in zip(batch[image], values, strict=True):
                    yield _table_entry(place, row, cell.as_py(), carried)
                    row += 1
    except Exception as error:  # Arrow's, and each file system's own
        reason = f"it is damaged from row {row:,} on ({first_line(error)})"
        yield Entry(f"{place.short}/{row}…", partial(fail, errno.EIO, reason))


def _table_entry(place: Place, row: int, cell: object, carried: dict[str, object]) -> Entry:
    data, name = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    name = name.replace("\0", "\\0") if isinstance(name, str) else None
    path = f"{place.short}/{row}" + (f"/{name.rsplit('/', 1)[-1]}" if name else "")
    if data is not None:
        return Entry(path, partial(bytes, data), carried=carried)
    if name is None:
        reason = "the row holds no image"
    elif leads_out(name) or place.system is not None:
        reason = f"the row holds only a path, {name}, that does not lie beside the table"
    else:
        return Entry(path, partial(_read_beside, place, name), carried=carried)
    return Entry(path, partial(fail, errno.ENOENT, reason), carried=carried)


def _read_beside(place: Place, name: str) -> bytes:
    return read_regular(f"{place.folder}/{name}")
