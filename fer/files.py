"""Files as disks have them: read so that none can hold up the process, written all or nothing."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

MAX_BYTES = 1_000_000_000
"""Largest file read whole: 64 million pixels of four 16-bit channels take half of it."""

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
"""Begins the text that stands in place of a large file where Git LFS has not fetched it."""


def read_regular(
    path: str | os.PathLike[str],
    limit: int = MAX_BYTES,
    size: int = -1,
    follow_links: bool = True,
    too_large: str = f"it is larger than {MAX_BYTES // 1_000_000:,} MB",
) -> bytes:
    """Read a regular file: nothing is waited for at a pipe, and no device is read without end.

    Args:
        path: of the file.
        limit: of its bytes.
        size: read only so many from its beginning.
        follow_links: whether the path itself may be a link.
        too_large: what is wrong with a larger file, as a part of a sentence.

    Raises:
        OSError: if it is something else, is larger, or cannot be read; its `strerror` says why.
    """
    # Where a file is only looked into, a buffer would read more.
    with open_regular(path, 0 if size >= 0 else -1, follow_links) as file:
        if size < 0 and os.fstat(file.fileno()).st_size > limit:
            raise OSError(errno.EFBIG, too_large)
        return file.read(limit if size < 0 else size)


def open_regular(
    path: str | os.PathLike[str], buffering: int = -1, follow_links: bool = True
) -> IO[bytes]:
    """Open a regular file for reading; the rest as `read_regular`.

    Args:
        buffering: as `open` takes it.
    """
    flags = getattr(os, "O_NONBLOCK", 0) | (0 if follow_links else getattr(os, "O_NOFOLLOW", 0))
    file = open(  # noqa: SIM115 - the caller closes it
        path, "rb", buffering, opener=lambda name, usual: os.open(name, usual | flags)
    )
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a regular file")
    return file


def is_lfs_pointer(data: bytes) -> bool:
    """Say whether bytes are Git LFS's stand-in for a file, which `git lfs pull` fetches."""
    return data.startswith(LFS_POINTER)


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Say whether two paths are of one file that is there."""
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


@contextmanager
def replacing(path: Path, prefix: str = "") -> Iterator[Path]:
    """Give a path to write to; what is there takes a file's place once the block has ended well.

    So the file is always whole: the old one or the new one. If the block fails, nothing is left.

    Args:
        path: the file.
        prefix: begins the name that is written to; readers of a folder pass by some, such as `_`.
    """
    partial = path.with_name(f"{prefix}{path.name}.new")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
