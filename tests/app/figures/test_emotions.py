from app.figures.emotions import emotion_counts, probability_bars
from fer.emotions import COLOURS, EMOTIONS


def test_bars_hold_all_seven_in_order_and_colour():
    (bars,) = probability_bars([0.1, 0.0, 0.2, 0.4, 0.1, 0.1, 0.1]).data
    assert bars.y == EMOTIONS
    assert bars.x[3] == 0.4
    assert list(bars.marker.color) == [COLOURS[emotion] for emotion in EMOTIONS]
    assert bars.text[3] == "40%"


def test_counts_in_the_emotions_order_and_colours():
    (bars,) = emotion_counts({"happy": 3, "sad": 1}).data
    assert bars.y == EMOTIONS
    assert bars.x == (0, 0, 0, 3, 1, 0, 0)
    assert bars.marker.color == tuple(COLOURS.values())
    assert bars.text[3] == "3 · 75%"


def test_nothing_counted_is_drawn_too():
    (bars,) = emotion_counts({}).data
    assert set(bars.x) == {0}
