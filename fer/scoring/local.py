"""Files -> rows on this machine."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fer.errors import UnreadableImage
from fer.images import read_image
from fer.recognizer import Recognizer
from fer.scoring.rows import error_row, photo_rows


@dataclass(frozen=True)
class Entry:
    """One file to score."""

    path: str
    """As it stands in the table: relative, POSIX slashes."""
    read: Callable[[], bytes]
    """Returns the file's bytes; an OSError becomes an error row."""


def score_entries(
    entries: Iterable[Entry],
    recognizer: Recognizer,
    model: str,
    *,
    workers: int | None = None,
    stop: threading.Event | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each entry, in the order of the entries.

    Stops early, after what is done, when `stop` is set.
    """
    for entry in entries:
        if stop and stop.is_set():
            return
        try:
            image = read_image(entry.read())
        except OSError as error:
            reason = UnreadableImage(f"The file cannot be opened: {error.strerror}.")
            yield [error_row(entry.path, reason, model)]
        except UnreadableImage as error:
            yield [error_row(entry.path, error, model)]
        else:
            yield photo_rows(entry.path, image.size, recognizer.recognize([image])[0], model)
