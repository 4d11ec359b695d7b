"""Photos whose bytes are equal, scored once: `fer score --duplicates once`.

Each path keeps rows of its own, in its place, and they are what they would have been. What a
content's rows are is remembered for this run alone, on disk where it is much; a run that goes on
scores a content at most once again.
"""

import json
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from hashlib import blake2b

from fer.errors import FerError
from fer.faces.images import Photo
from fer.recognizer import Recognizer
from fer.scoring.folder import Entry
from fer.scoring.local import READERS, read_ahead, score_entries
from fer.scoring.rows import Rows, safe_path

DIGEST_SIZE = 16
"""Bytes; among ten million contents, that two share a digest has a probability of 1.5e-25."""


class TemporaryDiskFull(FerError):
    """There is no room for what is remembered."""


class OnceEngine:
    """Scores entries on this machine, those of one content once."""

    def __init__(self, recognizer: Recognizer, workers: int | None = None) -> None:
        """Take what `score_entries` takes."""
        self.recognizer = recognizer
        self.workers = workers
        self.copies = 0
        """Entries so far whose rows are those of an earlier one."""

    def __call__(self, entries: Iterable[Entry], stop: threading.Event) -> Iterator[Rows]:
        """Yield the rows of each entry, in the order of the entries.

        Raises:
            TemporaryDiskFull: if what is remembered finds no room there.
        """
        try:
            yield from self._score(entries, stop)
        except sqlite3.OperationalError as error:
            raise TemporaryDiskFull(
                f"The temporary disk does not take what is to be remembered ({error}): set TMPDIR "
                "to a folder with room, or leave out --duplicates once. The same command goes on "
                "from here."
            ) from error

    def _score(self, entries: Iterable[Entry], stop: threading.Event) -> Iterator[Rows]:
        known = _Known()
        given: deque[tuple[str, bytes | None]] = deque()
        """What the engine has in hand: path and digest, in order."""

        def firsts() -> Iterator[Entry]:
            for entry, data in read_ahead(entries, pool, READERS, stop):
                digest = _digest(data)
                given.append((safe_path(entry.path), digest))
                is_copy = digest is not None and not known.claim(digest)
                yield replace(entry, read=data.result, known=is_copy)

        with ThreadPoolExecutor(READERS, "fer-read-ahead") as pool:
            scored = score_entries(firsts(), self.recognizer, workers=self.workers, stop=stop)
            for rows in scored:
                path, digest = given.popleft()
                if rows and digest is not None:
                    known.keep(digest, rows)
                elif digest is not None:
                    self.copies += 1
                    rows = [row | {"path": path} for row in known.rows(digest)]
                yield rows


class _Known:
    """The rows of each content, by its digest."""

    def __init__(self) -> None:
        # SQLite keeps a database without a name in memory while it is small, and then in a file
        # that is gone with the connection.
        self._database = sqlite3.connect("")
        self._database.execute("CREATE TABLE known (digest BLOB PRIMARY KEY, rows TEXT)")

    def claim(self, digest: bytes) -> bool:
        """Say whether a content is new; from now on it is not."""
        new = self._database.execute("INSERT OR IGNORE INTO known VALUES (?, NULL)", (digest,))
        return new.rowcount == 1

    def keep(self, digest: bytes, rows: Rows) -> None:
        self._database.execute(
            "UPDATE known SET rows = ? WHERE digest = ?", (json.dumps(rows), digest)
        )

    def rows(self, digest: bytes) -> Rows:
        found = self._database.execute("SELECT rows FROM known WHERE digest = ?", (digest,))
        (text,) = found.fetchone()
        rows: Rows = json.loads(text)
        return rows


def _digest(data: "Future[bytes | Photo]") -> bytes | None:
    """Wait for what was read; return its digest, `None` where there are no bytes."""
    if data.exception() is not None:
        return None
    content = data.result()
    return (
        blake2b(content, digest_size=DIGEST_SIZE).digest() if isinstance(content, bytes) else None
    )
