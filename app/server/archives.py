"""A zip archive -> a batch, read in memory: nothing is unpacked to disk, so no path can escape."""

import errno
import io
import stat
import zipfile
from collections.abc import Callable

from app.server.uploads import SENT, Batch, Limits
from fer.errors import UnreadableArchive
from fer.scoring.folder import Entry, is_photo

SIGNATURE = b"PK\x01\x02"
"""Every record of an archive's index starts with it."""

PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What photos are packed with everywhere. The unpackers of bzip2 and LZMA know no limit: a few
hundred bytes fill all memory."""


def unzip(name: str, data: bytes, limits: Limits = SENT) -> Batch:
    """List an archive's photos; each is unpacked when it is read, alone and in memory.

    A photo that is encrypted, damaged, too large or named as if it lay outside the archive
    becomes an error row; the others are read all the same.

    Args:
        name: of the archive.
        data: its bytes, which are kept as long as the batch.
        limits: what is accepted.

    Raises:
        UnreadableArchive: if the bytes are no zip archive.
        TooMuch: if it holds more than is accepted.
    """
    # An index of millions of records fills gigabytes once parsed. The signature is counted
    # before, generously: it also stands in archives inside the archive.
    limits.check_count(data.count(SIGNATURE) // 4)
    archive = _open(data)
    infos = [info for info in archive.infolist() if not info.is_dir()]
    limits.check_count(len(infos))
    photos = [info for info in infos if is_photo(info.filename)]
    limits.check_total(sum(info.file_size for info in photos))
    entries = [Entry(info.filename, _reader(archive, info, limits)) for info in photos]
    return Batch(name, entries, len(infos) - len(photos))


def _open(data: bytes) -> zipfile.ZipFile:
    try:
        try:
            # Archives made on a Mac hold UTF-8 names without saying so.
            return zipfile.ZipFile(io.BytesIO(data), metadata_encoding="utf-8")
        except UnicodeDecodeError:
            return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
        raise UnreadableArchive(
            f"This is not a zip archive that can be read ({error}): pack the photos again."
        ) from error


def _reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> Callable[[], bytes]:
    """Return what unpacks one file, checked; it raises nothing but OSError."""

    def read() -> bytes:
        if reason := _refusal(info, limits):
            raise OSError(errno.EPERM, reason)
        try:
            # No more is unpacked than the index states, whatever the data would give;
            # `archive.read` would first unpack up to a gigabyte of it.
            with archive.open(info) as file:
                return file.read(info.file_size)
        except Exception as error:
            # Reading fails in many ways (BadZipFile, zlib.error, EOFError, struct.error,
            # NotImplementedError …), and all mean the same here.
            raise OSError(errno.EIO, f"it is damaged in the archive ({error})") from error

    return read


def _refusal(info: zipfile.ZipInfo, limits: Limits) -> str | None:
    """Say why a file is not unpacked, as a part of a sentence."""
    parts = info.filename.replace("\\", "/").split("/")
    drive = parts[0][1:2] == ":"  # not any colon: 12:30.jpg is a name
    if not parts[0] or drive or ".." in parts:
        return "its name leads out of the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "it is a link, and links in an archive are not followed"
    if info.flag_bits & 1:
        return "it is encrypted in the archive"
    if info.compress_type not in PACKINGS:
        return "it is packed in an unusual way: pack the photos as plain zip (deflate)"
    if info.file_size > limits.file_bytes:
        return limits.file_too_large
    return None
