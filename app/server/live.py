"""Live pictures of visitors' cameras: scored in turn, followed and smoothed, and dropped.

Nothing of a picture is kept once it is answered: what a visitor's `Watch` knows of the past is
where faces were and what they showed.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import BoundedSemaphore

import torch

from fer.errors import TooMuch, UnreadableImage
from fer.faces.images import Photo
from fer.faces.tracks import Tracker
from fer.recognizer import Face, Recognizer
from fer.scoring.local import cores, torch_threads_restored
from fer.video.timeline import Smoother

SIDE = 640
"""Pixels of a picture's longer side, as the page sends it."""

MIN_FACE = 40
"""Pixels of the smallest face that is looked for: who sits before a camera is larger, and half of
the detector's time goes to the smaller ones."""

MAX_BYTES = 500_000
"""Of a picture; the page's have some 30 kB."""

WAITING = 16
"""Pictures that wait for their turn or are looked at; with more, all would wait for seconds."""


class Turns:
    """Scores the pictures of all visitors, as many at a time as there are cores, first come first.

    A page sends its next picture once it has the answer to the last, so each visitor has a turn
    before anyone has another, and a slow server is asked less often instead of later and later.
    """

    def __init__(self, workers: int | None = None, waiting: int = WAITING) -> None:
        """Set the limits.

        Args:
            workers: pictures scored at a time; as many as there are cores when left out.
            waiting: pictures that may wait or be scored.
        """
        self.waiting = waiting
        self._room = BoundedSemaphore(waiting)
        self._pool = ThreadPoolExecutor(workers or cores(), "live")

    def recognize(self, recognizer: Recognizer, photo: Photo) -> list[Face]:
        """Return the faces of a picture, once it is its turn.

        Raises:
            TooMuch: if too many wait already.
        """
        if not self._room.acquire(blocking=False):
            raise TooMuch(
                f"{self.waiting} cameras are being answered on this server, and no more can be: "
                "try again in a while."
            )
        try:
            return self._pool.submit(_recognize, recognizer, photo).result()
        finally:
            self._room.release()


def _recognize(recognizer: Recognizer, photo: Photo) -> list[Face]:
    # A second thread of torch's own gains little on a small picture, and where other work has the
    # cores the two wait for each other: a picture took 2.3 s so, and 0.04 s with one.
    with torch_threads_restored:
        torch.set_num_threads(1)
        (faces,) = recognizer.recognize([photo])
    return [face for face in faces if not face.whole_image]


@dataclass(frozen=True)
class Seen:
    """What a picture shows."""

    size: tuple[int, int]
    """Width and height of the picture in pixels."""
    faces: dict[int, Face]
    """By the number of the person, with probabilities smoothed over time."""


class Watch:
    """One visitor's camera; to be asked by one thread at a time."""

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._smoother = Smoother()

    def look(
        self, data: bytes, recognizer: Recognizer, turns: Turns, at: float | None = None
    ) -> Seen:
        """Answer a picture, and let go of it.

        Args:
            data: the picture's file.
            recognizer: the model.
            turns: of all visitors.
            at: when it was taken, in seconds, not before the last one; now, when left out.

        Raises:
            UnreadableImage: if it is no picture, or a large one.
            TooMuch: if too many wait already.
        """
        at = time.monotonic() if at is None else at
        if len(data) > MAX_BYTES:
            raise UnreadableImage(f"A camera's picture has {MAX_BYTES // 1000} kB at most here.")
        photo = recognizer.read(data)
        faces = turns.recognize(recognizer, photo)
        tracks = self._tracker.update(at, [face.box for face in faces])
        return Seen(
            photo.size,
            {
                track: replace(face, probabilities=self._smooth(track, at, face.probabilities))
                for track, face in zip(tracks, faces, strict=True)
            },
        )

    def _smooth(self, track: int, at: float, shares: Sequence[float]) -> tuple[float, ...]:
        return tuple(self._smoother.update(track, at, shares))
