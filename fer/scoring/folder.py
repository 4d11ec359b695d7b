"""Folder -> entries: every photo below it, in one order, listed while it is iterated."""

import errno
import mimetypes
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import fsspec

from fer.errors import FerError, first_line
from fer.faces.images import EXTENSIONS, HEAD, Photo, looks_like_photo
from fer.files import read_regular

DONT_CACHE = {"use_listings_cache": False}  # fsspec would keep all it ever listed

ASIDE = frozenset((
    "@eadir", "#recycle", "#snapshot",  # Synology: previews, trash, older states
    "@recycle", "@recently-snapshot",  # QNAP
    "$recycle.bin", "recycler", "system volume information",  # Windows
    "files_trashbin", "files_versions",  # Nextcloud
    "__macosx",  # beside each file that macOS packs
))  # fmt: skip
"""Folders of previews, deleted files and older states, in lower case."""

OTHERS = frozenset((
    "3fr", "arw", "cr2", "cr3", "dcr", "dng", "erf", "fff", "iiq", "k25", "kdc", "mef", "mos",
    "nef", "nrw", "orf", "pef", "raf", "rw2", "sr2", "srf", "srw",  # raw, with a preview in front
    "thm",  # a camera's preview of the file beside it
))  # fmt: skip
"""Endings of files that begin like photos and are none that can be read."""

NOT_UTF_8 = "The name is not UTF-8: rename it"

KNOWN = mimetypes.MimeTypes()
"""Endings as Python itself knows them, whatever the machine's own lists say."""


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
    carried: Mapping[str, Any] = field(default_factory=dict)
    """Values that a manifest has beside the path, by column: they go into the photo's rows."""
    known: bool = False
    """Its rows are known: there is nothing to read, and an engine yields none."""


class Listing:
    """The photos of a collection: a folder, or what `fer.scoring.sources` knows.

    Iterate it for the entries, in order of their paths, folder by folder; each iteration lists
    anew, and holds the names of one folder at a time. What cannot be followed (a folder without
    permission, a loop of links, a name that is not UTF-8) is an entry that raises when read.
    """

    def __init__(
        self,
        walk: Callable[["Listing"], Iterator[Entry]],
        name: str,
        *,
        system: Any = None,
        carried: Mapping[str, Any] | None = None,
        total: Callable[[], int | None] | None = None,
    ) -> None:
        """Describe a collection; nothing is listed yet.

        Args:
            walk: lists it, and counts what it passes by in `skipped` of what it is given.
            name: what it is, as `fer.scoring.output.Run` tells it from others.
            system: fsspec's file system of the entries' locations; `None` for this machine's.
            carried: the columns of the entries' `carried`, with pyarrow's types.
            total: counts the photos where that is quicker than to list them; `None` if unknown.
        """
        self._walk = walk
        self.name = name
        self.system = system
        self.carried = dict(carried or {})
        self.total = total
        self.skipped = 0
        """Files passed by as no photos, in the latest iteration so far."""

    def __iter__(self) -> Iterator[Entry]:
        self.skipped = 0
        yield from self._walk(self)


def list_folder(folder: str | Path, within: Path | None = None) -> Listing:
    """List the photos below a folder, as `is_photo` tells them.

    Links are followed. A folder that is passed by counts as one skipped file.

    Args:
        folder: a local folder, also as `file://`, or another URL that fsspec knows (`s3://`,
            `gs://`, `hf://` …).
        within: a link that leads out of this local folder becomes an entry that raises.

    Raises:
        UnknownFolder: if it is not a folder or cannot be opened.
    """
    root = local_path(folder)
    if root is None:
        return _list_remote(str(folder))
    if not os.path.isdir(root):  # `Path.is_dir` raises of a name that is too long
        what = "is a file" if os.path.exists(root) else "does not exist"
        raise UnknownFolder(f"{root} {what}: give a folder of photos.")
    fence = os.path.realpath(within) if within is not None else None
    return Listing(
        lambda listing: _flat(_walk_local(listing, os.fspath(root), "", (), fence)),
        os.path.realpath(root),
    )


def local_path(folder: str | Path) -> Path | None:
    """Return the path that is meant by a path or a `file://` URL; `None` for any other URL.

    Only `://` makes a URL: `data:x` and `a::b` are names.
    """
    if isinstance(folder, Path):
        return folder
    scheme, is_url, rest = folder.partition("://")
    if not is_url or os.path.isdir(folder):
        # RFC 8089 also knows `file:/path`; without its slash it is a name.
        return (
            Path(folder) if not folder.startswith("file:/") else _unquoted(folder[len("file:") :])
        )
    if scheme.lower() not in ("file", "local"):
        return None
    return _unquoted(rest.removeprefix("localhost") if rest.startswith("localhost/") else rest)


def _unquoted(path: str) -> Path:
    """Return the path that a URL means: escaped as URLs are, unless it is there as it stands."""
    unquoted = unquote(path, errors="surrogateescape")
    return Path(path if os.path.lexists(path) or "\0" in unquoted else unquoted)


def is_remote(folder: str | Path) -> bool:
    """Say whether a folder is a URL for fsspec."""
    return local_path(folder) is None


def is_photo(path: str, head: Callable[[], bytes] = bytes) -> bool:
    """Say whether a file is to be scored: by its ending, or where that is unknown by its content.

    Args:
        path: relative to what is scored, with POSIX slashes. Hidden files, and what lies in a
            hidden folder or in one of `ASIDE`, are not scored.
        head: returns the first `HEAD` bytes; called only where the ending says nothing.

    >>> is_photo("a/b.JPG"), is_photo("notes.txt"), is_photo("__MACOSX/._b.jpg")
    (True, False, False)
    >>> is_photo("scan", lambda: b"GIF89a"), is_photo("@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg")
    (True, False)
    """
    if any(map(is_aside, path.split("/"))):
        return False
    name = PurePosixPath(path).name
    ending = PurePosixPath(name).suffix[1:].lower()
    if ending in EXTENSIONS:
        return True
    if ending in OTHERS or KNOWN.guess_type(f"x.{ending}")[0]:
        return False
    return looks_like_photo(head())


def is_aside(name: str) -> bool:
    """Say whether a file or folder of this name is passed by, with all that lies in it."""
    return (name.startswith(".") and name not in (".", "..")) or name.lower() in ASIDE


def leads_out(path: str) -> bool:
    """Say whether a name in an archive or a table means something outside of it.

    >>> leads_out("a/12:30.jpg"), leads_out("../a.jpg"), leads_out("/a.jpg"), leads_out("c:/a.jpg")
    (False, True, True, True)
    """
    parts = path.replace("\\", "/").split("/")
    return not parts[0] or parts[0][1:2] == ":" or ".." in parts


Walk = Iterator["Entry | Walk"]
"""What is in a folder: its photos, and its folders' walks."""


def _flat(walk: Walk) -> Iterator[Entry]:
    """Walk folder by folder, without recursion: they may lie deeper than Python's stack."""
    walks = [walk]
    while walks:
        found = next(walks[-1], None)
        if found is None:
            walks.pop()
        elif isinstance(found, Entry):
            yield found
        else:
            walks.append(found)


def _walk_local(
    listing: Listing,
    folder: str,
    relative: str,
    parents: tuple[tuple[int, int], ...],
    fence: str | None,
) -> Walk:
    try:
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in parents:
            raise OSError(errno.ELOOP, "This folder is a link to one it lies in")
        names, odd = _names(folder)
    except OSError as error:
        yield Entry(
            shown_name(relative) or ".", partial(fail, error.errno or 0, str(error.strerror))
        )
        return
    parents = (*parents, (here.st_dev, here.st_ino))
    for name in names:
        path = os.path.join(folder, name)
        shown = shown_name(relative + name)
        if is_aside(name.rstrip("/")):
            listing.skipped += 1
        elif name.endswith("/"):
            if fence is not None and not _is_within(path, fence):
                yield Entry(shown, partial(fail, errno.EACCES, "The link leads out of the folder"))
                continue
            yield _walk_local(listing, path[:-1], relative + name, parents, fence)
        elif not is_photo(name, partial(_head, path, fence)):
            listing.skipped += 1
        elif shown != relative + name:
            yield Entry(shown, partial(fail, errno.EILSEQ, NOT_UTF_8))
        elif fence is not None and not _is_within(path, fence):
            yield Entry(shown, partial(fail, errno.EACCES, "The link leads out of the folder"))
        else:
            # Another process, which may be less careful, is not sent to a pipe or a device.
            location = None if name in odd else os.path.abspath(path)
            yield Entry(shown, partial(read_regular, path), location)


def _names(folder: str) -> tuple[list[str], set[str]]:
    """Return what is in a folder, sorted, folders with a slash; and what is neither, nor a file."""
    # Names only: of ten million files in one folder, they are what has to be held.
    names, odd = [], set()
    with os.scandir(folder) as found:
        for entry in found:
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link that leads nowhere: reading it says so
                is_folder = is_file = False
            names.append(entry.name + "/" if is_folder else entry.name)
            if not (is_folder or is_file):
                odd.add(entry.name)
    return sorted(names), odd


def _head(path: str, fence: str | None) -> bytes:
    if fence is not None and not _is_within(path, fence):
        return b""
    try:
        return read_regular(path, size=HEAD)
    except OSError:  # nothing says that it is a photo
        return b""


def _is_within(path: str, fence: str) -> bool:
    return os.path.commonpath([os.path.realpath(path), fence]) == fence


def shown_name(path: str) -> str:
    """Return a path as text that can be written; bytes that are not UTF-8 as escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def fail(number: int, reason: str) -> bytes:
    """Read an entry that cannot be read."""
    raise OSError(number, reason)


def _list_remote(url: str) -> Listing:
    with remote_errors(url):
        system, root = fsspec.core.url_to_fs(url, **DONT_CACHE)
        found = system.isdir(root)
    if not found:
        raise UnknownFolder(f"{url} does not exist or is not a folder.")
    root = root.rstrip("/")
    return Listing(
        lambda listing: _flat(_walk_remote(listing, system, root, "")),
        url.rstrip("/"),
        system=system,
    )


@contextmanager
def remote_errors(url: str) -> Iterator[None]:
    """Raise what a file system raises in the block as an `UnknownFolder` that names the URL."""
    try:
        yield
    except Exception as error:  # each file system fails in its own library's ways
        raise UnknownFolder(f"{url} cannot be opened: {first_line(error)}.") from error


def _walk_remote(listing: Listing, system: Any, folder: str, relative: str) -> Walk:
    try:
        found = {
            item["name"].rstrip("/").rsplit("/", 1)[-1]: item["type"]
            for item in system.ls(folder, detail=True)
            if item["name"].rstrip("/") != folder  # the marker that stands for an empty folder
        }
    except Exception as error:
        yield Entry(relative or ".", partial(fail, errno.EIO, first_line(error)))
        return
    for name in sorted(name + "/" if kind == "directory" else name for name, kind in found.items()):
        path = f"{folder}/{name}"
        if is_aside(name.rstrip("/")):
            listing.skipped += 1
        elif name.endswith("/"):
            yield _walk_remote(listing, system, path[:-1], relative + name)
        elif is_photo(name, partial(_remote_head, system, path)):
            yield Entry(relative + name, partial(read_remote, system, path), path)
        else:
            listing.skipped += 1


def _remote_head(system: Any, path: str) -> bytes:
    try:
        return bytes(system.cat_file(path, start=0, end=HEAD))
    except Exception:  # as various as in `read_remote`; nothing says that it is a photo
        return b""


def read_remote(system: Any, path: str, start: int | None = None, end: int | None = None) -> bytes:
    """Read a file of an fsspec file system, or a part of it.

    Raises:
        OSError: if it cannot be read.
    """
    try:
        return bytes(system.cat_file(path, start=start, end=end))
    except OSError:
        raise
    except Exception as error:  # botocore's, gcsfs's … are no OSErrors
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error
