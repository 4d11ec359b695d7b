"""Face boxes, moment after moment -> a number for each person's face.

A face is expected where its motion so far would carry it, and the faces found are assigned to the
faces known so that the sum of their distances is smallest (the Hungarian method), as SORT does
(Bewley et al. 2016). Distance stands for its overlap: at a few frames a second a face moves
farther than its own width, and boxes that do not overlap are all alike. Only boxes and times count,
so a table of boxes says as much as the video they were found in.

Kept libraries were weighed: Roboflow's `trackers` (Apache-2.0) and `supervision` (MIT) bring
OpenCV and matplotlib, eleven and nine packages; `norfair` (BSD) takes numpy back below 2. What is
needed of them here is the assignment, and scipy, which is there already, has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, hypot, log2, sqrt

import numpy as np
from scipy.optimize import linear_sum_assignment

from fer.faces.boxes import Box

PATIENCE = 2.0
"""Seconds for which a face that is not found is still expected."""

REACH = 1.0
"""How far from where it is expected a face is taken for the same, in its own sides; a face of
twice the size counts as one side away."""

DRIFT = 0.5
"""What is added to the reach for each second without the face."""

COASTING = 0.7
"""Seconds in which a face that is not seen loses most of its speed: people stop and turn."""

STEADINESS = 0.5
"""Share of a face's speed that stays when a new one is measured."""

NEVER = 1e6


@dataclass
class Track:
    """A face that is followed."""

    number: int
    box: Box
    """Where it was last seen."""
    time: float
    """When, in seconds."""
    speed: tuple[float, float] = (0.0, 0.0)
    """Of its centre, in pixels a second."""

    def expected(self, time: float) -> tuple[float, float]:
        """Return where its centre should be by now."""
        x, y = centre(self.box)
        coasted = COASTING * (1 - exp(-(time - self.time) / COASTING))
        return x + self.speed[0] * coasted, y + self.speed[1] * coasted

    def distance(self, box: Box, time: float) -> float:
        """Return how far a box is from what is expected, in sides of the face.

        `NEVER` if it is too far to be the same face.
        """
        x, y = self.expected(time)
        side, other = _side(self.box), _side(box)
        away = hypot(centre(box)[0] - x, centre(box)[1] - y) / sqrt(side * other)
        distance = away + abs(log2(other / side))
        return distance if distance <= REACH + DRIFT * (time - self.time) else NEVER

    def seen(self, box: Box, time: float) -> None:
        """Note where the face is now."""
        elapsed = time - self.time
        if elapsed > 0:
            self.speed = (
                _mixed(self.speed[0], (centre(box)[0] - centre(self.box)[0]) / elapsed),
                _mixed(self.speed[1], (centre(box)[1] - centre(self.box)[1]) / elapsed),
            )
        self.box, self.time = box, time


class Tracker:
    """Numbers faces from 1 on, in the order in which they appear.

    >>> tracker = Tracker()
    >>> tracker.update(0.0, [Box(0, 0, 50, 50), Box(200, 0, 250, 50)])
    [1, 2]
    >>> tracker.update(0.2, [Box(10, 0, 60, 50), Box(190, 0, 240, 50), Box(400, 0, 450, 50)])
    [1, 2, 3]
    """

    def __init__(self) -> None:
        self.count = 0
        """Faces numbered so far."""
        self._tracks: list[Track] = []

    def update(self, time: float, boxes: Sequence[Box]) -> list[int]:
        """Return the number of each face found at a time.

        Args:
            time: in seconds, not before that of the last call.
            boxes: of the faces, in pixels, none of them empty.
        """
        self._tracks = [track for track in self._tracks if time - track.time <= PATIENCE]
        numbers = [0] * len(boxes)
        if boxes and self._tracks:
            distances = np.array(
                [[track.distance(box, time) for box in boxes] for track in self._tracks]
            )
            for row, column in zip(*linear_sum_assignment(distances), strict=True):
                if distances[row, column] < NEVER:
                    self._tracks[row].seen(boxes[column], time)
                    numbers[column] = self._tracks[row].number
        for index, box in enumerate(boxes):
            if not numbers[index]:
                self.count += 1
                numbers[index] = self.count
                self._tracks.append(Track(self.count, box, time))
        return numbers


def centre(box: Box) -> tuple[float, float]:
    """Return a box's centre."""
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2


def _side(box: Box) -> float:
    return sqrt(max(box.width * box.height, 1.0))


def _mixed(old: float, new: float) -> float:
    return STEADINESS * old + (1 - STEADINESS) * new
