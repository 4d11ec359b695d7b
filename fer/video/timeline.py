"""Rows of single frames -> a timeline: when, which person, and the answers smoothed over time.

All that a timeline knows of the past is in its own table: it works on boxes and probabilities as
they are written there, rounded. A run that goes on with a table therefore writes what it would have
written undisturbed.
"""

from collections.abc import Iterable, Sequence
from math import exp
from typing import Any

from fer.columns import PROBABILITIES, Status
from fer.emotions import EMOTIONS
from fer.faces.boxes import Box
from fer.faces.tracks import PATIENCE, Tracker
from fer.scoring.rows import COLUMNS, SHARE_DIGITS, Layout, Rows

SMOOTHED = tuple(f"s_{emotion}" for emotion in EMOTIONS)
TIMELINE = Layout(
    ("path", "time", "frame", "track", *COLUMNS[1:], "smoothed", "smoothed_confidence", *SMOOTHED),
    "frame",
)
TIME_DIGITS = 4

SMOOTHING = 0.5
"""Seconds in which an answer loses all but a third of its say. An expression lasts half a second
to four (Ekman 2003); what comes and goes in less is mostly the network's doubt."""


class Smoother:
    """Averages each track's probabilities over its past, by exponential decay in time."""

    def __init__(self, seconds: float = SMOOTHING) -> None:
        self.seconds = seconds
        self._tracks: dict[int, tuple[float, Sequence[float]]] = {}

    def update(self, track: int, time: float, probabilities: Sequence[float]) -> list[float]:
        """Return what a track shows at a time, which is not before that of its last call.

        >>> smoother = Smoother(0.5)
        >>> smoother.update(1, 0.0, [1.0, 0.0])
        [1.0, 0.0]
        >>> [round(share, 3) for share in smoother.update(1, 0.2, [0.0, 1.0])]
        [0.67, 0.33]
        """
        before, old = self._tracks.get(track, (time, probabilities))
        kept = exp(-(time - before) / self.seconds)
        mixed = [
            kept * past + (1 - kept) * now for past, now in zip(old, probabilities, strict=True)
        ]
        self._tracks[track] = (time, mixed)
        if len(self._tracks) > 100:  # those that the tracker has given up do not come back
            self._tracks = {
                number: (seen, shares)
                for number, (seen, shares) in self._tracks.items()
                if time - seen <= PATIENCE
            }
        return mixed


class Timeline:
    """Makes a timeline's rows, frame by frame in their order."""

    def __init__(self, smoothing: float = SMOOTHING) -> None:
        """Begin.

        Args:
            smoothing: see `SMOOTHING`; 0 leaves the smoothed columns empty.
        """
        self.tracker = Tracker()
        self.smoother = Smoother(smoothing) if smoothing else None
        self.last = -1
        """Number of the last frame."""
        self.time = 0.0
        """Seconds at which it is shown."""
        self.broken = False
        """Whether its last row says what is wrong with the video."""

    def add(self, number: int, time: float, path: str, rows: Rows) -> Rows:
        """Return a frame's rows with all columns of `TIMELINE`.

        Args:
            number: of the frame.
            time: in seconds, not before the last one's.
            path: what stands for the video in the table.
            rows: as `fer.scoring` makes them of a photo.
        """
        self.last = number
        self.time = time = round(time, TIME_DIGITS)
        self.broken = rows[-1]["status"] == Status.ERROR
        moment = {"path": path, "time": time, "frame": number}
        faces = [row for row in rows if row.get("emotion")]
        boxes = [Box(*(row[edge] for edge in ("x1", "y1", "x2", "y2"))) for row in faces]
        tracks = dict(zip(map(id, faces), self.tracker.update(time, boxes), strict=True))
        return [
            row | moment | ({"track": tracks[id(row)]} | self._smooth(tracks[id(row)], time, row))
            if id(row) in tracks
            else row | moment
            for row in rows
        ]

    def go_on(self, written: Iterable[dict[str, Any]]) -> None:
        """Learn the past from rows that were written, all of them in their order."""
        frame: Rows = []
        for row in written:
            if frame and row["frame"] != frame[0]["frame"]:
                self._relive(frame)
                frame = []
            frame.append(row)
        if frame:
            self._relive(frame)

    def _relive(self, rows: Rows) -> None:
        self.add(rows[0]["frame"], rows[0]["time"], rows[0]["path"], rows)

    def _smooth(self, track: int, time: float, row: dict[str, Any]) -> dict[str, Any]:
        if not self.smoother:
            return {}
        shares = self.smoother.update(track, time, [row[name] for name in PROBABILITIES])
        confidence = max(shares)
        return {
            "smoothed": EMOTIONS[shares.index(confidence)],
            "smoothed_confidence": round(confidence, SHARE_DIGITS),
        } | {name: round(share, SHARE_DIGITS) for name, share in zip(SMOOTHED, shares, strict=True)}


def answer(row: dict[str, Any]) -> str:
    """Return the emotion that a row of a face is shown with: smoothed where it is."""
    return str(row.get("smoothed") or row["emotion"])
