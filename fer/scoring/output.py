"""The table being written: whose it is, what it has, and how it is gone on with.

Beside `results.csv` stands `results.csv.run.json`: of what folder the table was made, with which
model and settings. A run that has the same goes on with the table; any other is refused.
"""

import errno
import fcntl
import json
import logging
import os
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

import numpy as np

from fer.errors import FerError
from fer.files import replacing

FORMAT = 2
"""To be raised when what is written changes, so that no table mixes two ways."""

Rows = list[dict[str, Any]]

log = logging.getLogger(__name__)


class OutputRefused(FerError):
    """The output belongs to other photos, another model or other settings, or is in use."""


class OutputFailed(FerError):
    """The disk is full, or the output cannot be written; what is complete is kept."""


@dataclass(frozen=True)
class Run:
    """What a table was made of; two runs may share a table if all of it is equal."""

    folder: str
    """Of photos: absolute path, or URL. The path of a video."""
    model: str
    weights: str
    """Digest of the network's weights and config."""
    detector: dict[str, float]
    """The detector's settings, and a video's own."""
    format: int = FORMAT

    def refusal(self, other: "Run") -> str | None:
        """Say why a table of another run cannot be gone on with, or return `None`."""
        if other.folder != self.folder:
            return f"was made of {other.folder}"
        if other.model != self.model:
            return f"was made with the model {other.model!r}"
        if other.weights != self.weights:
            return f"was made with other weights of the model {other.model!r}"
        if (other.detector, other.format) != (self.detector, self.format):
            return "was made with other settings or another version of this program"
        return None


class Paths:
    """A set of paths, eight bytes each: ten million take 80 MB.

    The digests of two of ten million paths are equal with a probability of 3 in a million.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        digests = array("Q")
        for path in paths:
            digests.append(_digest(path))
        self._digests = np.unique(np.frombuffer(digests, dtype=np.uint64))

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, path: str) -> bool:
        digest = np.uint64(_digest(path))
        place = np.searchsorted(self._digests, digest)
        return bool(place < len(self._digests) and self._digests[place] == digest)


def _digest(path: str) -> int:
    return int.from_bytes(blake2b(path.encode(), digest_size=8).digest(), "little")


class Output(ABC):
    """A table being written."""

    done: Paths = Paths()
    """The photos that it had when it was opened, as its column `path` names them."""
    errors: int = 0
    """How many of them could not be read."""

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that the table has, as they were given; none where it cannot be read."""
        return iter(())

    @abstractmethod
    def write(self, rows: Rows) -> None:
        """Add the rows of one photo.

        Raises:
            OutputFailed: if the disk is full; what was written before stays whole.
        """

    @abstractmethod
    def close(self, finished: bool) -> None:
        """Keep what was written; `finished` says that no photo is missing.

        Raises:
            OutputFailed: if the disk is full; what was written before stays whole.
        """


class Sidecar:
    """The file beside a table that says whose it is."""

    def __init__(self, table: Path) -> None:
        self.table = table
        self.path = table.with_name(table.name + ".run.json")

    def belongs_to(self, run: Run) -> None:
        """Check that the table was made by such a run.

        Raises:
            OutputRefused: if it was made by another, or nothing says by which.
        """
        way_out = "give another --output, or --no-resume to replace it"
        try:
            values = json.loads(self.path.read_text())
            made = Run(**values["run"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise OutputRefused(
                f"{self.table} exists, and no {self.path.name} says what it was made of: {way_out}."
            ) from error
        if reason := run.refusal(made):
            raise OutputRefused(f"{self.table} {reason}: {way_out}.")

    def whole_bytes(self) -> int | None:
        """Return the size of the table when it was last closed, if it was."""
        try:
            value = json.loads(self.path.read_text())["whole_bytes"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return value if isinstance(value, int) else None

    def write(self, run: Run, whole_bytes: int | None = None) -> None:
        """Write the file, all or nothing."""
        text = json.dumps({"run": asdict(run), "whole_bytes": whole_bytes}, indent=2) + "\n"
        with replacing(self.path) as partial:
            partial.write_text(text)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the disk into a sentence."""
    try:
        yield
    except OSError as error:
        # pyarrow's own text says less than the system's.
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutputFailed(
            f"{path} cannot be written: {reason}. What is complete is kept; "
            "the same command goes on from there."
        ) from error


def lock(file: IO[bytes] | int, path: Path) -> None:
    """Keep a second process from writing the same table, on disks that know locks.

    Lustre, some NFS and FUSE mounts know none, each by an error of its own; there it is only
    said that nothing keeps a second run away.

    Raises:
        OutputRefused: if another process writes it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputRefused(f"{path} is being written by another run: wait for its end.") from error
    except OSError as error:
        log.warning(
            "The disk of %s knows no locks (%s): start no second run into it.", path, error.strerror
        )


def sync(file: IO[bytes]) -> None:
    """See that what was written is on the disk, where the disk knows how."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise
