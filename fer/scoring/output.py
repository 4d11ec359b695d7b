"""What the output files of `fer score` and `fer video` have in common, whatever their format.

An interrupted run can be resumed: the same command keeps the rows that the output has and adds
the missing ones. So that rows of different runs never mix, a small file beside the output, the
sidecar `results.csv.run.json`, records the folder, model and settings. A run with other ones is
refused.

`Output` is the interface; `csv_output`, `jsonl_output`, `parquet_output` and `dataset_output`
implement it.
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
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

import numpy as np

from fer.errors import FerError, OutputFailed
from fer.files import replacing
from fer.scoring.rows import Rows

FORMAT = 2
"""Version of the rows' content. Raise it when that changes: older tables are not resumed then."""

NEVER = {
    errno.EACCES, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM, errno.EROFS,
}  # fmt: skip
"""What is wrong with an output that never could be written."""

log = logging.getLogger(__name__)


class OutputRefused(FerError):
    """The output belongs to other photos, another model or other settings, or is in use."""


@dataclass(frozen=True)
class Run:
    """What the rows of a table depend on. A run resumes a table only if all of it is equal."""

    folder: str
    """The folder of photos, as an absolute path or URL, or what else they come from; or the path
    of a video."""
    model: str
    """The model's name."""
    weights: str
    """SHA-256 of the network's weights and config, in hexadecimal."""
    detector: dict[str, float]
    """Settings of the face detector; for a video, its sampling and smoothing as well."""
    carried: dict[str, str] = field(default_factory=dict)
    """The columns that a manifest adds, and their types."""
    format: int = FORMAT

    def refusal(self, other: "Run") -> str | None:
        """Return why this run cannot resume the table of another, or `None` if it can.

        The reason is the end of a sentence that begins with the table's path.
        """
        if other.folder != self.folder:
            return f"was made of {other.folder}"
        if other.model != self.model:
            return f"was made with the model {other.model!r}"
        if other.weights != self.weights:
            return f"was made with other weights of the model {other.model!r}"
        if other.carried != self.carried:
            return "was made of a manifest with other columns"
        if (other.detector, other.format) != (self.detector, self.format):
            return "was made with other settings or another version of this program"
        return None


class Paths:
    """A set of paths that needs eight bytes for each: 80 MB for ten million.

    It holds a 64-bit digest of each path. Among ten million paths, the probability that any two
    share a digest, so that a photo would be skipped, is 3 in a million (n² / 2⁶⁵).
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
    """A table that a run opens, adds rows to and closes; opening may resume an earlier run's."""

    done: Paths = Paths()
    """Photos (frames of a video) that were in the table when it was opened, by its key column."""
    errors: int = 0
    """How many of `done` could not be read."""

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the rows already in the table, typed as they were written.

        An output that cannot be read back, such as stdout, yields none.
        """
        return iter(())

    @abstractmethod
    def write(self, rows: Rows) -> None:
        """Add all rows of one photo.

        Raises:
            OutputFailed: if they cannot be written, as on a full disk; earlier photos stay whole.
        """

    @abstractmethod
    def close(self, finished: bool) -> None:
        """Save what was written and release the file; call once, after an interruption as well.

        Args:
            finished: whether every photo is in the table.

        Raises:
            OutputFailed: if it cannot be saved, as on a full disk; earlier photos stay whole.
        """


class Sidecar:
    """The file `<table>.run.json` beside a table, which records the `Run` that made it."""

    def __init__(self, table: Path, path: Path | None = None) -> None:
        self.table = table
        self.path = path or table.with_name(table.name + ".run.json")

    def belongs_to(self, run: Run) -> None:
        """Check that `run` may resume the table.

        Raises:
            OutputRefused: if the table is of another run, or the sidecar is missing or damaged.
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
        """Return the table's size in bytes when it was last closed, all photos whole.

        `None` if it never was: the run was killed, or the sidecar cannot be read.
        """
        try:
            value = json.loads(self.path.read_text())["whole_bytes"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return value if isinstance(value, int) else None

    def write(self, run: Run, whole_bytes: int | None = None) -> None:
        """Replace the sidecar, all or nothing.

        Args:
            whole_bytes: the table's size where it is being closed with all photos whole.
        """
        text = json.dumps({"run": asdict(run), "whole_bytes": whole_bytes}, indent=2) + "\n"
        with replacing(self.path) as partial:
            partial.write_text(text)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise an `OSError` of the block as an `OutputFailed` that names the path and what to do."""
    try:
        yield
    except OSError as error:
        # pyarrow's own text says less than the system's.
        reason = os.strerror(error.errno) if error.errno else str(error)
        kept = " What is complete is kept; the same command goes on from there."
        never = error.errno in NEVER
        raise OutputFailed(f"{path} cannot be written: {reason}.{'' if never else kept}") from error


def refuse_other_than_file(path: Path) -> None:
    """Raise `OutputRefused` if a folder or a device is where a file is to be written."""
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no regular file"
        raise OutputRefused(f"The output {path} is {what}: give a file.")


def check_beside(path: Path) -> None:
    """Check before a run that what it writes last, beside its table, will have a place.

    Raises:
        OutputRefused: if its folder is not there, or something else than a file is in its place.
        OutputFailed: if its name is too long for the disk, or a folder closed.
    """
    with writing(path):
        if not path.absolute().parent.is_dir():
            raise OutputRefused(f"There is no folder {path.parent} for {path.name}: make it first.")
        refuse_other_than_file(path)


def lock(file: IO[bytes] | int, path: Path) -> None:
    """Lock a table's file or folder, so that no second process writes it; closing it unlocks.

    Some file systems (Lustre, some NFS and FUSE mounts) have no locks and answer with various
    errors. There a warning is logged and the run goes on without a lock.

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
    """Flush a file to the disk; do nothing on a file system that does not support it.

    Raises:
        OSError: if flushing fails otherwise.
    """
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise
