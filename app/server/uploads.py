"""What is handed in to be scored at once, wherever it comes from, and how much of it may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fer.errors import TooMuch
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
    """Files that are no photos, by their ending."""


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
    photos = [(path, data) for path, data in files if is_photo(path)]
    limits.check_total(sum(len(data) for _, data in photos))
    tops = {path.partition("/")[0] if "/" in path else None for path, _ in files}
    cut = 0 if None in tops or len(tops) != 1 else len(tops.pop() or "") + 1
    entries = [Entry(path[cut:], partial(bytes, data)) for path, data in photos]
    return Batch(name, entries, len(files) - len(photos))
