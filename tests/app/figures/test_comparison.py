import pandas as pd
import pytest

from app.figures.comparison import (
    class_shares,
    cost_against_accuracy,
    emotion_bars,
    learning_curves,
    model_colours,
    paired_bar,
    reliability_diagram,
)
from app.figures.style import GREY
from fer.artifacts import list_models, list_rivals
from fer.compare.metrics import calibration_table, per_emotion
from tests.made import predictions


def test_models_have_colours_of_their_own():
    names = [*list_models(), *list_rivals()]
    assert len(set(model_colours(names).values())) == len(names)
    many = [str(number) for number in range(100)]
    assert list(model_colours(many)) == many


def test_emotion_bars_are_grouped_by_model():
    labels = ["angry", "angry", "happy", "happy"]
    one = predictions("one", labels, ["angry", "sad", "happy", "happy"])
    two = predictions("two", labels, ["sad", "sad", "happy", "sad"])
    colours = model_colours(["one", "two"])
    figure = emotion_bars(per_emotion([one, two]), "recall", colours)
    assert figure.layout.barmode == "group"
    assert [bars.name for bars in figure.data] == ["one", "two"]
    first, second = figure.data
    assert (first.x[0], first.y[0], second.y[0]) == ("angry", 0.5, 0)
    assert (first.y[3], second.y[3]) == (1, 0.5)
    assert first.marker.color == colours["one"]
    # Wilson's interval of one in two is 9.5% to 90.5%.
    assert first.error_y.array[0] == pytest.approx(0.405, abs=1e-3)
    assert first.error_y.arrayminus[0] == pytest.approx(0.405, abs=1e-3)
    assert emotion_bars(per_emotion([one]), "f1", colours).data[0].error_y.array is None


def test_class_shares_sum_to_one():
    figure, table = class_shares([1, 1, 2, 2, 2, 1, 1])
    assert list(figure.data[0].y) == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.2, 0.1, 0.1])
    assert table["share"].sum() == pytest.approx(1)
    assert figure.data[0].text[2] == "20.0%"


def test_reliability_has_counts_before_and_after():
    one = predictions("one", ["happy", "sad"], ["happy", "happy"], 0.9)
    one = type(one)("one", one.table, temperature=2.0)
    figure = reliability_diagram(calibration_table([one]), "#123456")
    lines = {trace.name: trace for trace in figure.data if trace.type == "scatter"}
    bars = {trace.name: trace for trace in figure.data if trace.type == "bar"}
    after, before = lines["after temperature"], lines["before temperature"]
    assert (after.x, after.y) == ((pytest.approx(0.9),), (0.5,))
    # Squared, and scaled to sum to one: 0.81 against six times (0.1 / 6) squared.
    assert before.x[0] == pytest.approx(0.81 / (0.81 + 6 * (0.1 / 6) ** 2))
    assert bars["after temperature"].y == (2,)
    assert after.line.color == "#123456"


def test_cost_shows_intervals_and_the_front():
    table = pd.DataFrame(
        {
            "model": ["small", "worse", "large"],
            "parameters": [1e5, 2e5, 1e6],
            "accuracy": [0.6, 0.55, 0.7],
            "low": [0.58, 0.53, 0.68],
            "high": [0.62, 0.57, 0.72],
            "front": [True, False, True],
        }
    )
    colours = model_colours(["small", "worse", "large"])
    figure = cost_against_accuracy(table, "parameters", "parameters", colours)
    front, *points = figure.data
    assert (front.x, front.y) == ((1e5, 1e6), (0.6, 0.7))
    assert [(point.name, *point.text) for point in points] == [
        ("1 large", "1"), ("2 small", "2"), ("3 worse", "3"),
    ]  # fmt: skip
    assert [point.meta for point in points] == ["large", "small", "worse"]
    assert [point.marker.symbol for point in points] == ["circle", "circle", "circle-open"]
    assert points[1].error_y.array == (pytest.approx(0.02),)
    assert figure.layout.xaxis.type == "log"


def test_numbers_of_models_that_lie_on_each_other_are_written_side_by_side():
    table = pd.DataFrame(
        {
            "model": list("abcde"),
            "MB": [3.0, 3.0, 3.0, 3.0, 9.0],
            "accuracy": [0.733, 0.737, 0.735, 0.6, 0.736],
        }
    )
    table = table.assign(low=table["accuracy"], high=table["accuracy"], front=False)
    figure = cost_against_accuracy(table, "MB", "megabytes", dict.fromkeys("abcde", "#000000"))
    written = {trace.meta: trace.text for trace in figure.data if trace.meta}
    assert written == {"b": ("1, 3, 4",), "e": ("2",), "c": ("",), "a": ("",), "d": ("5",)}


def test_one_model_has_room_on_the_cost_axis():
    table = pd.DataFrame(
        {"model": ["cnn"], "parameters": [1e5], "accuracy": [0.6], "low": [0.5], "high": [0.7],
         "front": [True]}
    )  # fmt: skip
    low, high = cost_against_accuracy(table, "parameters", "", {"cnn": GREY}).layout.xaxis.range
    assert low < 5 < high


def test_curves_are_drawn_for_what_the_history_has():
    history = pd.DataFrame(
        {"epoch": [1, 2], "train_loss": [2.0, 1.5], "validation_loss": [1.9, 1.6],
         "validation_accuracy": [0.3, 0.4]}
    )  # fmt: skip
    losses = learning_curves({"cnn": history}, "loss", {"cnn": GREY}).data
    assert [(curve.name, curve.y) for curve in losses] == [
        ("cnn, train", (2.0, 1.5)), ("cnn, validation", (1.9, 1.6)),
    ]  # fmt: skip
    (accuracy,) = learning_curves({"cnn": history}, "accuracy", {"cnn": GREY}).data
    assert accuracy.name == "cnn, validation"


def test_the_paired_bar_says_the_counts():
    parts = {"both right": 3, "only one": 2, "only two": 0, "neither": 1}
    figure = paired_bar(parts, {"only one": "#111111", "only two": "#222222"})
    assert [bar.x[0] for bar in figure.data] == [3, 2, 0, 1]
    assert [bar.name for bar in figure.data][:2] == ["both right: 3", "only one: 2"]
    assert figure.data[1].marker.color == "#111111"
