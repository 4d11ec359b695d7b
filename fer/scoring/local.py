"""Entries -> rows on this machine: reading, detecting and classifying overlap on all cores.

Threads, because Pillow and PyTorch let go of Python's lock while they compute. Each computes
with a single thread of PyTorch's own, and faces are classified in batches of one fixed size:
what is found in a photo then depends neither on the number of workers nor on its neighbours.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from fer.emotions import EMOTIONS
from fer.errors import FerError, UnreadableImage
from fer.faces.images import Photo
from fer.faces.preprocessing import Crops
from fer.recognizer import Place, Recognizer
from fer.scoring.folder import Entry
from fer.scoring.rows import Rows, error_row, photo_rows
from fer.together import Together

READERS = 8
"""Files read at a time: enough to keep the processor busy from a network's storage."""

BATCH = 16
"""Faces classified together, exactly: the last batch is filled up."""

UNDECODED = 1_000_000_000
"""Bytes of files that may wait to be decoded before no further one is read: on many cores there
would be as many large files in memory."""

PHOTOS = 64
"""Photos that wait for a batch to fill at most; few have faces in some folders."""


@dataclass(frozen=True)
class Analysis:
    """What was found in a photo before its faces are classified; the pixels are let go."""

    size: tuple[int, int]
    places: list[Place]
    crops: Crops
    """Of the places, in their order."""


Found = tuple[str, Analysis | Exception | None]
"""A path, and what was found there; `None` where its rows are known."""


def score_entries(
    entries: Iterable[Entry],
    recognizer: Recognizer,
    *,
    workers: int | None = None,
    readers: int = READERS,
    stop: threading.Event | None = None,
) -> Iterator[Rows]:
    """Yield the rows of each entry, in the order of the entries.

    Args:
        entries: what to score; taken a little ahead of what is yielded.
        recognizer: the model, by whose name the table calls it.
        workers: threads that compute; as many as there are cores when left out.
        readers: files read at a time.
        stop: once set, no further photo is begun, and the iteration ends after those that were.
    """
    workers = workers or cores()
    stop = stop or threading.Event()
    with (
        torch_threads_restored,
        ThreadPoolExecutor(readers, "fer-read") as reading,
        ThreadPoolExecutor(workers, "fer-score", torch.set_num_threads, (1,)) as pool,
    ):
        analysed = _analysed(
            entries, recognizer, stop, reading, readers, pool, readers + 2 * workers
        )
        classified: deque[tuple[list[Found], Future[Tensor]]] = deque()
        try:
            for group in _grouped(analysed):
                crops = [found.crops for _, found in group if isinstance(found, Analysis)]
                classified.append((group, pool.submit(classify, recognizer, crops)))
                if len(classified) > 1:  # the next group's photos are analysed meanwhile
                    earlier, shares = classified.popleft()
                    yield from to_rows(earlier, shares.result(), recognizer)
            for earlier, shares in classified:
                yield from to_rows(earlier, shares.result(), recognizer)
        finally:
            analysed.close()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def examine(recognizer: Recognizer, read: Callable[[], bytes | Photo]) -> Analysis | Exception:
    """Read and decode a photo, find its faces and cut them out; or return what is wrong with it."""
    try:
        photo = recognizer.read(read())
        (found,) = recognizer.detector.detect([photo.image])
        return Analysis(photo.size, *recognizer.cut_out(photo, found))
    except FerError as error:
        # A new one, because an error that was raised holds on to all that its frames had in hand,
        # the file and its pixels, and errors wait for their group.
        return UnreadableImage(str(error))
    except OSError as error:
        return UnreadableImage(f"The file cannot be opened: {error.strerror or error}.")
    except MemoryError:
        return UnreadableImage("There is not enough memory for this image.")


def classify(recognizer: Recognizer, crops: list[Crops]) -> Tensor:
    """Classify faces in batches of exactly `BATCH`; float32 `[N, 7]`."""
    if not crops:
        return torch.empty(0, len(EMOTIONS))
    faces = Crops.join(crops)
    filled = faces.filled(-(-len(faces) // BATCH) * BATCH)
    return recognizer.probabilities(filled, BATCH)[: len(faces)]


def to_rows(
    group: Sequence[Found], probabilities: Tensor, recognizer: Recognizer
) -> Iterator[Rows]:
    """Yield the rows of each photo, given the probabilities `[N, 7]` of all faces in their order.

    Args:
        group: photos with what was found in them.
        recognizer: the model that answered.
    """
    shares = iter(probabilities.tolist())
    for path, found in group:
        if isinstance(found, Exception):
            yield [error_row(path, found, recognizer.name)]
            continue
        if found is None:
            yield []
            continue
        faces = [recognizer.face(place, next(shares)) for place in found.places]
        yield photo_rows(path, found.size, faces, recognizer.name)


def _analysed(
    entries: Iterable[Entry],
    recognizer: Recognizer,
    stop: threading.Event,
    reading: ThreadPoolExecutor,
    readers: int,
    pool: ThreadPoolExecutor,
    ahead: int,
) -> Generator[Found, None, None]:
    """Yield what is found in each entry, in order, with `ahead` of them under way."""
    reads = read_ahead(entries, reading, readers, stop)
    begun: deque[tuple[Entry, int, Future[Analysis | Exception | None]]] = deque()
    try:
        while True:
            while (
                len(begun) < ahead
                and not stop.is_set()
                and sum(size for _, size, found in begun if not found.done()) < UNDECODED
                and (read := next(reads, None))
            ):
                entry, data = read
                size = _size(data)
                work = _nothing if entry.known else partial(examine, recognizer, data.result)
                begun.append((entry, size, pool.submit(work)))
                del read, data, work  # they hold the file
            if not begun:
                return
            entry, _, future = begun.popleft()
            if stop.is_set() and future.cancel():
                return
            yield entry.path, future.result()
    finally:
        for _, _, future in begun:
            future.cancel()


def read_ahead(
    entries: Iterable[Entry], pool: ThreadPoolExecutor, readers: int, stop: threading.Event
) -> Iterator[tuple[Entry, "Future[Any]"]]:
    """Yield each entry with what its reading gives, or will raise, in order.

    Args:
        entries: what to read.
        pool: where it is read.
        readers: how many are under way at a time.
        stop: once set, no further one is begun.
    """
    source = iter(entries)
    begun: deque[tuple[Entry, Future[Any]]] = deque()
    while True:
        while len(begun) < readers and not stop.is_set() and (entry := next(source, None)):
            begun.append((entry, pool.submit(_nothing if entry.known else entry.read)))
        if not begun:
            return
        yield begun.popleft()


def _size(data: "Future[Any]") -> int:
    """Wait for what was read; return how many bytes it has."""
    return 0 if data.exception() or not isinstance(data.result(), bytes) else len(data.result())


def _nothing() -> None:
    """Find nothing in an entry whose rows are known."""


def _grouped(analysed: Iterable[Found]) -> Iterator[list[Found]]:
    """Gather photos until they have a batch of faces."""
    group: list[Found] = []
    faces = 0
    for path, found in analysed:
        group.append((path, found))
        faces += len(found.places) if isinstance(found, Analysis) else 0
        if faces >= BATCH or len(group) >= PHOTOS:
            yield group
            group, faces = [], 0
    if group:
        yield group


@contextmanager
def _torch_threads_restored() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


torch_threads_restored = Together(_torch_threads_restored)
"""Puts torch's number of threads back after runs that set it for their workers.

The workers' setting is taken over by threads begun later, which are not all ours."""
