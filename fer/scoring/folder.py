"""Folder -> entries: every photo below a folder, in one order, listed while it is iterated."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from fsspec.core import split_protocol

from fer.errors import FerError
from fer.faces.images import EXTENSIONS, Photo

DONT_CACHE = {"use_listings_cache": False}  # fsspec would keep all it ever listed


class UnknownFolder(FerError):
    """There is no such folder, or it cannot be listed."""


@dataclass(frozen=True)
class Entry:
    """One file to score."""

    path: str
    """As it stands in the table: relative to the folder, with POSIX slashes."""
    read: Callable[[], bytes | Photo]
    """Returns the file's bytes, or what was decoded already; an `OSError` becomes an error row."""
    location: str | None = None
    """Where another process finds the file, in the listing's file system."""


class Listing:
    """The photos of a folder.

    Iterate it for the entries, in order of their paths, folder by folder; each iteration lists
    anew, and holds the names of one folder at a time. What cannot be followed (a folder without
    permission, a loop of links, a name that is not UTF-8) is an entry that raises when read.
    """

    def __init__(self, walk: Callable[["Listing"], Iterator[Entry]]) -> None:
        self._walk = walk
        self.skipped = 0
        """Files passed by for their ending, in the latest iteration so far."""

    def __iter__(self) -> Iterator[Entry]:
        self.skipped = 0
        yield from self._walk(self)


def list_folder(folder: str | Path, within: Path | None = None) -> Listing:
    """List the photos below a folder, by the endings in `fer.faces.images.EXTENSIONS`.

    Links are followed.

    Args:
        folder: a local folder, or a URL that fsspec knows (`s3://`, `gs://`, `hf://` …).
        within: a link that leads out of this local folder becomes an entry that raises.

    Raises:
        UnknownFolder: if it is not a folder or cannot be opened.
    """
    if is_remote(folder):
        return _list_remote(str(folder))
    root = Path(folder)
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise UnknownFolder(f"{root} {what}: give a folder of photos.")
    fence = os.path.realpath(within) if within is not None else None
    return Listing(lambda listing: _walk_local(listing, os.fspath(root), "", (), fence))


def is_remote(folder: str | Path) -> bool:
    """Say whether a folder is a URL for fsspec."""
    return isinstance(folder, str) and split_protocol(folder)[0] not in (None, "file", "local")


def file_system(folder: str | Path) -> Any:
    """Return fsspec's file system that a URL's files are read from; `None` for a local folder."""
    return fsspec.core.url_to_fs(str(folder), **DONT_CACHE)[0] if is_remote(folder) else None


def is_photo(name: str) -> bool:
    """Say whether a file is to be scored, by its ending.

    >>> is_photo("a/b.JPG"), is_photo("notes.txt"), is_photo("__MACOSX/._b.jpg")
    (True, False, False)
    """
    path = PurePosixPath(name)
    # macOS puts a file of its own beside each photo it copies or packs: same ending, no photo.
    return path.suffix[1:].lower() in EXTENSIONS and not path.name.startswith("._")


def _walk_local(
    listing: Listing,
    folder: str,
    relative: str,
    parents: tuple[tuple[int, int], ...],
    fence: str | None,
) -> Iterator[Entry]:
    try:
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in parents:
            raise OSError(errno.ELOOP, "This folder is a link to one it lies in")
        with os.scandir(folder) as found:
            # Names only: of ten million files in one folder, they are what has to be held.
            names = sorted(entry.name + "/" if _is_folder(entry) else entry.name for entry in found)
    except OSError as error:
        yield Entry(_shown(relative) or ".", partial(_fail, error.errno or 0, str(error.strerror)))
        return
    parents = (*parents, (here.st_dev, here.st_ino))
    for name in names:
        path = os.path.join(folder, name)
        shown = _shown(relative + name)
        if name.endswith("/"):
            if fence is not None and not _is_within(path, fence):
                yield Entry(shown, partial(_fail, errno.EACCES, "The link leads out of the folder"))
                continue
            yield from _walk_local(listing, path[:-1], relative + name, parents, fence)
        elif not is_photo(name):
            listing.skipped += 1
        elif shown != relative + name:
            yield Entry(shown, partial(_fail, errno.EILSEQ, "The name is not UTF-8: rename it"))
        elif fence is not None and not _is_within(path, fence):
            yield Entry(shown, partial(_fail, errno.EACCES, "The link leads out of the folder"))
        else:
            yield Entry(shown, partial(_read_local, path), os.path.abspath(path))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere: reading it says so
        return False


def _is_within(path: str, fence: str) -> bool:
    return os.path.commonpath([os.path.realpath(path), fence]) == fence


def _shown(path: str) -> str:
    """Return a path as text that can be written; bytes that are not UTF-8 as escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _read_local(path: str) -> bytes:
    return Path(path).read_bytes()


def _fail(number: int, reason: str) -> bytes:
    raise OSError(number, reason)


def _list_remote(url: str) -> Listing:
    try:
        system, root = fsspec.core.url_to_fs(url, **DONT_CACHE)
        found = system.isdir(root)
    except ImportError as error:
        raise UnknownFolder(f"{url} cannot be opened: {error}.") from error
    except Exception as error:  # each file system fails in its own library's ways
        raise UnknownFolder(f"{url} cannot be opened: {error or type(error).__name__}.") from error
    if not found:
        raise UnknownFolder(f"{url} does not exist or is not a folder.")
    root = root.rstrip("/")
    return Listing(lambda listing: _walk_remote(listing, system, root, ""))


def _walk_remote(listing: Listing, system: Any, folder: str, relative: str) -> Iterator[Entry]:
    try:
        found = {
            item["name"].rstrip("/").rsplit("/", 1)[-1]: item["type"]
            for item in system.ls(folder, detail=True)
            if item["name"].rstrip("/") != folder  # the marker that stands for an empty folder
        }
    except Exception as error:
        yield Entry(relative or ".", partial(_fail, errno.EIO, str(error) or type(error).__name__))
        return
    for name in sorted(name + "/" if kind == "directory" else name for name, kind in found.items()):
        path = f"{folder}/{name}"
        if name.endswith("/"):
            yield from _walk_remote(listing, system, path[:-1], relative + name)
        elif is_photo(name):
            yield Entry(relative + name, partial(_read_remote, system, path), path)
        else:
            listing.skipped += 1


def _read_remote(system: Any, path: str) -> bytes:
    try:
        return bytes(system.cat_file(path))
    except OSError:
        raise
    except Exception as error:  # botocore's, gcsfs's … are no OSErrors
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error
