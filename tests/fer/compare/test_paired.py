import pandas as pd
import pytest

from fer.columns import PROBABILITIES
from fer.compare.metrics import Predictions
from fer.compare.paired import cell_rows, listing, only_right, p_text, paired_comparison
from fer.emotions import EMOTIONS
from tests.made import predictions


def pair(both, only_first, only_second, neither):
    """Two models on happy images, with these numbers of right predictions."""
    first = ["happy"] * (both + only_first) + ["sad"] * (only_second + neither)
    second = ["happy"] * both + ["fear"] * only_first
    second += ["happy"] * only_second + ["fear"] * neither
    labels = ["happy"] * len(first)
    return predictions("first", labels, first), predictions("second", labels, second)


def test_mcnemar_is_the_textbook_s():
    # Agresti, Categorical Data Analysis, table 10.1: approval of a prime minister, asked twice.
    # R's exact2x2 gives 3.716e-05 for mcnemar.exact on it.
    result = paired_comparison(*pair(794, 150, 86, 570))
    assert (result.both, result.only_first, result.only_second) == (794, 150, 86)
    assert (result.neither, result.images) == (570, 1600)
    assert result.p_value == pytest.approx(3.716e-05, rel=1e-3)
    assert not result.by_chance
    assert result.sentence == (
        "first is right on 64 more of 1,600 images than second: the difference is unlikely to "
        "be chance, p\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}0.001."
    )


def test_mcnemar_by_hand():
    # One against five: (1 + 6) of the 64 ways to split six are as uneven on a side, and twice.
    result = paired_comparison(*pair(3, 1, 5, 2))
    assert result.p_value == pytest.approx(2 * 7 / 64)
    assert result.sentence == (
        "second is right on 4 more of 11 images than first: the difference could be chance, "
        "p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.22."
    )
    assert result.agree == 3


def test_equal_models_differ_by_chance():
    result = paired_comparison(*pair(3, 0, 0, 1))
    assert result.p_value == 1
    assert result.sentence == "first and second are right equally often."


def test_only_common_images_of_the_emotion_count():
    first = predictions("first", ["happy", "sad", "sad"], ["happy", "sad", "sad"])
    second = predictions("second", ["happy", "sad"], ["sad", "happy"])
    assert paired_comparison(first, second).images == 2
    assert (
        paired_comparison(first, second, "sad").images,
        paired_comparison(first, second, "sad").only_first,
    ) == (1, 1)
    assert paired_comparison(first, second, "fear").images == 0


def sureness(name, *confidences):
    """Sad images named happy with these confidences."""
    parts = [predictions(name, ["sad"], ["happy"], value).table for value in confidences]
    table = pd.concat(parts, ignore_index=True).assign(row=range(100, 100 + len(parts)))
    return Predictions(name, table)


def test_a_cell_lists_the_most_confident_first():
    one = sureness("one", 0.5, 0.9, 0.7)
    assert cell_rows(one, "sad", "happy") == [101, 102, 100]
    assert cell_rows(one, "happy", "sad") == []


def test_listing_has_every_model_s_probabilities():
    one, two = sureness("one", 0.5, 0.9, 0.7), sureness("two", 0.6)
    table = listing([one, two], [101, 100])
    assert table["row"].tolist() == [101, 100]
    assert table["true"].tolist() == ["sad", "sad"]
    assert table["one: named"].tolist() == ["happy", "happy"]
    assert table["one: confidence"].tolist() == pytest.approx([0.9, 0.5])
    assert table["one: p_happy"].tolist() == pytest.approx([0.9, 0.5])
    assert pd.isna(table["two: named"][0])  # it did not answer this one
    assert table["two: p_happy"][1] == pytest.approx(0.6)
    assert {f"one: {column}" for column in PROBABILITIES} <= set(table)


def test_only_right_names_the_images():
    first, second = pair(1, 2, 1, 0)
    assert only_right(first, second) == [1, 2]
    assert only_right(second, first) == [3]
    assert only_right(first, second, EMOTIONS[0]) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.31234, "p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.31"),
        (0.0423, "p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.042"),
        (1e-9, "p\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}0.001"),
    ],
)
def test_p_in_words(value, text):
    assert p_text(value) == text
