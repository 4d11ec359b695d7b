"""Where a shard or a table lies, on this machine or behind a URL, and how its bytes are read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

import fsspec

from fer.scoring.folder import (
    DONT_CACHE,
    UnknownFolder,
    local_path,
    read_remote,
    remote_errors,
    shown_name,
)


@dataclass(frozen=True)
class Place:
    """A file that photos come from."""

    name: str
    """Its absolute path, or its URL; of a link where it lies itself."""
    path: str
    """As its file system calls it."""
    system: Any = None
    """fsspec's; `None` for this machine's."""

    @classmethod
    def find(cls, source: str) -> "list[Place]":
        """Return the file that a path or a URL means; of a URL with a `*`, all that match.

        Raises:
            UnknownFolder: if there is none.
        """
        path = local_path(source)
        if path is not None:
            if not os.path.isfile(path):
                what = "is no regular file" if os.path.exists(path) else "does not exist"
                raise UnknownFolder(f"{path} {what}.")
            # Where a link lies, and not what it leads to: the Hub's cache links to nameless blobs.
            return [cls(str(path.parent.resolve() / path.name), os.path.abspath(path))]
        with remote_errors(source):
            system, path_there = fsspec.core.url_to_fs(source, **DONT_CACHE)
            found = sorted(system.glob(path_there)) if "*" in source else [path_there]
            if not found or not system.isfile(found[0]):
                raise FileNotFoundError("there is no such file")
        return [cls(system.unstrip_protocol(name), name, system) for name in found]

    def __str__(self) -> str:
        return self.name

    @property
    def short(self) -> str:
        """The file's own name, as text that can be written."""
        return shown_name(PurePosixPath(self.path).name)

    @property
    def folder(self) -> str:
        """What it lies in, a path or a URL."""
        return self.name.rsplit("/", 1)[0] or "/"

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open it for reading.

        Raises:
            OSError: if it cannot be opened on this machine.
            UnknownFolder: if it cannot behind a URL.
        """
        if self.system is None:
            with open(self.path, "rb") as file:
                yield file
        else:
            with remote_errors(self.name):
                remote = self.system.open(self.path, "rb")
            with remote:
                yield remote

    def read(self, start: int, size: int) -> bytes:
        """Read a part of it; from any thread.

        Raises:
            OSError: if it cannot be read.
        """
        if self.system is not None:
            return read_remote(self.system, self.path, start, start + size)
        with open(self.path, "rb") as file:
            file.seek(start)
            return file.read(size)
