"""What is handed in to be scored at once, wherever it comes from, and how much of it may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fer.errors import TooMuch
from fer.faces.images import HEAD
from fer.scoring.folder import Entry, is_photo

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What one batch may hold, so that no visitor takes the whole server."""

    files: int = 20_000
    """Files, photos or not."""
    file_bytes: int = 50 * MEGABYTE
    """Bytes of one file; a larger one becomes an error row."""
    total_bytes: int = 2_000 * MEGABYTE
    """Bytes of all photos together, unpacked."""

    def check_count(self, count: int) -> None:
        """Raise `TooMuch` if there are too many files."""
        if count > self.files:
            raise TooMuch(
                f"There are more than {self.files:,} files, the limit here: hand them in as "
                "several batches, or run `fer score` on the folder."
            )

    def check_total(self, total: int) -> None:
        """Raise `TooMuch` if there are too many bytes."""
        if total > self.total_bytes:
            raise TooMuch(
                f"The photos take {total / MEGABYTE:,.0f} MB together, and the limit here is "
                f"{self.total_bytes / MEGABYTE:,.0f} MB: hand them in as several batches, or run "
                "`fer score` on the folder."
            )

    @property
    def file_too_large(self) -> str:
        """What is wrong with a file over the limit, as a part of a sentence."""
        return f"it is larger than {self.file_bytes // MEGABYTE} MB, the limit here"


SENT = Limits()
"""What a browser may send at once."""
ON_DISK = Limits(files=100_000)
"""What a folder of the server may hold, photos and other files."""


@dataclass(frozen=True)
class Batch:
    """Photos to score at once."""

    name: str
    """What it is called on the page and in the names of downloads."""
    entries: Sequence[Entry]
    skipped: int
    """Files that are no photos."""


def uploaded(name: str, files: Sequence[tuple[str, bytes]], limits: Limits = SENT) -> Batch:
    """Make a batch of what a browser sent.

    Args:
        name: of the batch.
        files: name or relative path, and the bytes. A folder that holds all of them is taken
            off their paths.
        limits: what is accepted.

    Raises:
        TooMuch: if it is more.
    """
    limits.check_count(len(files))
    tops = {path.partition("/")[0] if "/" in path else None for path, _ in files}
    cut = 0 if None in tops or len(tops) != 1 else len(tops.pop() or "") + 1
    inside = [(path[cut:], data) for path, data in files]
    photos = [(path, data) for path, data in inside if is_photo(path, partial(bytes, data[:HEAD]))]
    limits.check_total(sum(len(data) for _, data in photos))
    paths = distinct([path for path, _ in photos])
    entries = [
        Entry(path, partial(bytes, data)) for path, (_, data) in zip(paths, photos, strict=True)
    ]
    return Batch(name, entries, len(files) - len(photos))


def distinct(paths: Sequence[str]) -> list[str]:
    """Return paths with a number in those that were there before.

    >>> distinct(["a.jpg", "b/a.jpg", "a.jpg", "a.jpg", "a (2).jpg"])
    ['a.jpg', 'b/a.jpg', 'a (3).jpg', 'a (4).jpg', 'a (2).jpg']
    """
    taken = set(paths)
    counts: dict[str, int] = {}
    names = []
    for path in paths:
        name, count = path, counts.get(path, 0)
        stem, dot, ending = path.rpartition(".")
        while count and name in taken:
            count += 1
            name = f"{stem} ({count}).{ending}" if dot else f"{path} ({count})"
        counts[path] = max(count, 1)
        taken.add(name)
        names.append(name)
    return names
