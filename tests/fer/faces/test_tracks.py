import math

import numpy as np
import pytest

from fer.faces.boxes import Box
from fer.faces.tracks import PATIENCE, Tracker


def box(x, y=100.0, side=60.0):
    return Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def test_a_face_keeps_its_number_while_it_moves_and_grows():
    tracker = Tracker()
    for step in range(30):
        assert tracker.update(step / 5, [box(100 + 25 * step, side=60 + 2 * step)]) == [1]


def test_two_that_cross_keep_theirs_though_one_is_hidden():
    tracker = Tracker()
    for step in range(21):
        left, right = 100 + 20 * step, 500 - 20 * step
        boxes = [box(left, 100), box(right, 110)]
        if abs(left - right) < 50:
            boxes = boxes[1:]  # in front
        numbers = dict(zip([b.y1 for b in boxes], tracker.update(step / 5, boxes), strict=True))
        assert numbers.get(70, 1) == 1
        assert numbers[80] == 2
    assert tracker.count == 2


@pytest.mark.parametrize(("away", "number"), [(PATIENCE - 0.5, 1), (PATIENCE + 0.5, 2)])
def test_who_comes_back_soon_is_known_and_who_comes_late_is_new(away, number):
    tracker = Tracker()
    tracker.update(0.0, [box(100)])
    tracker.update(0.2, [box(100)])
    tracker.update(0.4, [])
    assert tracker.update(0.2 + away, [box(105)]) == [number]


def test_who_appears_elsewhere_is_another():
    tracker = Tracker()
    assert tracker.update(0.0, [box(100)]) == [1]
    assert tracker.update(0.2, [box(400)]) == [2]
    assert tracker.update(0.4, [box(100, side=200)]) == [3]
    assert tracker.update(0.4, []) == []


def test_uneven_times_do_not_matter():
    generator = np.random.default_rng(1)
    tracker, time = Tracker(), 0.0
    for _ in range(60):
        time += generator.uniform(0.03, 0.4)
        swing = 150 * math.sin(time)
        assert tracker.update(time, [box(250 + swing), box(250 + swing, 300)]) == [1, 2]
