import numpy as np
import pytest

from fer.compare.selective import (
    area_interval,
    area_under_risk,
    at_threshold,
    risk_coverage,
    threshold_for,
)
from tests.conftest import allocating_less_than

CONFIDENCE = np.array([0.5, 0.9, 0.8, 0.6])
RIGHT = np.array([True, True, False, True])


def test_the_curve_goes_from_the_surest_to_all():
    curve = risk_coverage(CONFIDENCE, RIGHT)
    assert curve["threshold"].tolist() == [0.9, 0.8, 0.6, 0.5]
    assert curve["answered"].tolist() == [1, 2, 3, 4]
    assert curve["wrong"].tolist() == [0, 1, 1, 1]
    assert curve["coverage"].tolist() == [0.25, 0.5, 0.75, 1]
    assert curve["risk"].tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])


def test_the_area_is_the_mean_risk():
    assert area_under_risk(CONFIDENCE, RIGHT) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)


def test_faces_as_sure_as_each_other_are_answered_together():
    curve = risk_coverage(np.array([0.7, 0.7, 0.7]), np.array([True, False, False]))
    assert curve["answered"].tolist() == [3]
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        area = area_under_risk(np.full(3, 0.7), np.array([True, False, False])[order])
        assert area == pytest.approx(2 / 3)


def test_a_model_that_is_sure_where_it_is_right_has_the_smaller_area():
    generator = np.random.default_rng(0)
    right = generator.random(500) < 0.7
    knows, guesses = right + 0.1 * generator.random(500), generator.random(500)
    assert area_under_risk(knows, right) < area_under_risk(guesses, right)
    low, high = area_interval(guesses, right)
    assert low < area_under_risk(guesses, right) < high
    assert (low, high) == area_interval(guesses, right)
    assert high - low < 0.2
    assert low > area_interval(knows, right)[1]


def test_one_face_alone_has_no_interval():
    assert np.isnan(area_interval(np.array([0.9]), np.array([True]))).all()


def test_a_threshold_answers_and_is_found():
    assert at_threshold(CONFIDENCE, RIGHT, 0.6) == (3, 2)
    assert at_threshold(CONFIDENCE, RIGHT, 0.95) == (0, 0)
    assert threshold_for(CONFIDENCE, RIGHT, 0.6) == 0.5
    assert threshold_for(CONFIDENCE, RIGHT, 0.7) == 0.5
    assert threshold_for(CONFIDENCE, RIGHT, 0.9) == 0.9
    assert threshold_for(CONFIDENCE, ~RIGHT, 0.9) is None


def test_the_interval_holds_one_sample_of_the_faces_at_a_time():
    """All at once, those of a visitor's million faces took sixteen gigabytes."""
    generator = np.random.default_rng(0)
    confidence, right = generator.random(5000), generator.random(5000) < 0.5
    with allocating_less_than(5_000_000):
        area_interval(confidence, right)
