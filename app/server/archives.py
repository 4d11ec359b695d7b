"""A zip archive -> a batch, read in memory: nothing is unpacked to disk, so no path can escape."""

import errno
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from charset_normalizer import from_bytes

from app.server.uploads import SENT, Batch, Limits, distinct
from fer.errors import UnreadableArchive
from fer.faces.images import HEAD
from fer.scoring.folder import Entry, is_photo, leads_out

SIGNATURE = b"PK\x01\x02"
"""Every record of an archive's index starts with it."""

PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What photos are packed with everywhere. The unpackers of bzip2 and LZMA know no limit: a few
hundred bytes fill all memory."""


UTF_8 = 0x800
"""Flag of a name that is UTF-8."""
UNICODE_PATH = 0x7075
"""Extra field that holds the name as UTF-8, of Info-ZIP and WinZip."""
CODE_PAGES = ("cp437", "cp932", "gbk", "cp949", "big5", "cp866")
"""Of Windows' consoles in the West, Japan, China, Korea, Taiwan and Russia; the first is the
format's own."""
TWO_BYTES = frozenset({"cp932", "gbk", "cp949", "big5"})
LONE = re.compile(
    r"(?<![^\x00-\x7f])[^\x00-\x7f](?=[A-Za-z])|(?<=[A-Za-z])[^\x00-\x7f](?![^\x00-\x7f])"
)


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
    infos = archive.infolist()
    files = {
        path: info for path, info in zip(_paths(infos), infos, strict=True) if path[-1:] != "/"
    }
    limits.check_count(len(files))
    photos = {
        path: info
        for path, info in files.items()
        if is_photo(path, partial(_head, archive, path, info, limits))
    }
    limits.check_total(sum(info.file_size for info in photos.values()))
    entries = [Entry(path, _reader(archive, path, info, limits)) for path, info in photos.items()]
    return Batch(name, entries, len(files) - len(photos))


def _paths(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Return what files are called, with POSIX slashes, no two alike.

    The format knows two encodings, and packers write others: macOS UTF-8 without saying so, many
    the Unicode name as an extra field, Windows Explorer the code page of its country, and
    PowerShell 5 backslashes.
    """
    names = [_unicode(info) for info in infos]
    unsaid = [_raw(info) for info, name in zip(infos, names, strict=True) if name is None]
    encoding = _code_page(unsaid) if unsaid else ""
    decoded = [
        _raw(info).decode(encoding, "replace") if name is None else name
        for info, name in zip(infos, names, strict=True)
    ]
    return distinct([name.replace("\\", "/") for name in decoded])


def _raw(info: zipfile.ZipInfo) -> bytes:
    """Return a name as it stands in the archive, up to its end, which a zero byte may mark."""
    # Not `filename`, which from Python 3.12 on is the Unicode name where the extra field has one.
    return info.orig_filename.partition("\0")[0].encode("cp437")


def _unicode(info: zipfile.ZipInfo) -> str | None:
    """Return a file's name, unless it stands in a code page that nothing names."""
    if info.flag_bits & UTF_8:
        return info.filename
    raw = _raw(info)
    with suppress(UnicodeDecodeError):
        return raw.decode()
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        # Version 1, the checksum of the other name, and the name.
        if kind == UNICODE_PATH and field[:5] == struct.pack("<BI", 1, zlib.crc32(raw)):
            with suppress(UnicodeDecodeError):
                return field[5:].decode()
    return None


def _code_page(names: Sequence[bytes]) -> str:
    """Guess the code page of names, all together, for there is little in each."""
    best = from_bytes(b"\n".join(names), cp_isolation=list(CODE_PAGES)).best()
    if best is None or best.encoding not in CODE_PAGES:
        return CODE_PAGES[0]
    text = b"\n".join(names).decode(best.encoding, "replace")
    # One letter of another script beside Latin ones is one with an accent, misread.
    return CODE_PAGES[0] if LONE.search(text) and best.encoding in TWO_BYTES else best.encoding


def _head(archive: zipfile.ZipFile, path: str, info: zipfile.ZipInfo, limits: Limits) -> bytes:
    try:
        return _reader(archive, path, info, limits, HEAD)()
    except OSError:  # nothing says that it is a photo
        return b""


def _open(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
        raise UnreadableArchive(
            f"This is not a zip archive that can be read ({error}): pack the photos again."
        ) from error


def _reader(
    archive: zipfile.ZipFile,
    path: str,
    info: zipfile.ZipInfo,
    limits: Limits,
    size: int | None = None,
) -> Callable[[], bytes]:
    """Return what unpacks one file, or so much of it, checked; it raises nothing but OSError."""

    def read() -> bytes:
        if reason := _refusal(path, info, limits):
            raise OSError(errno.EPERM, reason)
        try:
            # No more is unpacked than the index states, whatever the data would give;
            # `archive.read` would first unpack up to a gigabyte of it.
            with archive.open(info) as file:
                return file.read(info.file_size if size is None else size)
        except Exception as error:
            # Reading fails in many ways (BadZipFile, zlib.error, EOFError, struct.error,
            # NotImplementedError …), and all mean the same here.
            raise OSError(errno.EIO, f"it is damaged in the archive ({error})") from error

    return read


def _refusal(path: str, info: zipfile.ZipInfo, limits: Limits) -> str | None:
    """Say why a file is not unpacked, as a part of a sentence."""
    if leads_out(path):
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
