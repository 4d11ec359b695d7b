import numpy as np
import pytest
from scipy.stats import fisher_exact

from fer.compare.groups import by_group, holm
from tests.conftest import allocating_less_than


def test_each_group_with_its_counts_and_its_test():
    groups = ["dim"] * 10 + ["bright"] * 20
    right = np.array([True] * 3 + [False] * 7 + [True] * 18 + [False] * 2)
    table = by_group(groups, right)
    assert table["group"].tolist() == ["dim", "bright"]
    dim = table.iloc[0]
    assert (dim["faces"], dim["right"], dim["accuracy"]) == (10, 3, 0.3)
    assert dim["low"] < 0.3 < dim["high"]
    p_value = fisher_exact([[3, 7], [18, 2]]).pvalue
    assert dim["p"] == pytest.approx(p_value)
    assert dim["p_corrected"] == pytest.approx(min(1, 2 * p_value))


def test_one_group_differs_from_nothing():
    assert by_group(["all"] * 4, np.array([True, False, True, True]))["p"].tolist() == [1.0]


def test_holm_corrects_for_how_many_were_looked_at():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert holm([0.02]) == pytest.approx([0.02])


def test_chance_alone_seldom_makes_a_group_stand_out():
    generator = np.random.default_rng(0)
    found = 0
    for _ in range(40):
        groups = generator.choice(list("abcdefgh"), 400).tolist()
        found += (by_group(groups, generator.random(400) < 0.7)["p_corrected"] < 0.05).any()
    assert found <= 4


def test_a_long_name_is_not_held_once_for_each_face():
    groups = ["dim"] * 1000 + ["b" * 100_000]
    with allocating_less_than(20_000_000):
        table = by_group(groups, np.ones(1001, dtype=bool))
    assert table["faces"].tolist() == [1000, 1]
