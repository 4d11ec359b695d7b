from fer.emotions import COLOURS, EMOTIONS
from fer.figures_batch import emotion_counts


def test_counts_in_the_emotions_order_and_colours():
    (bars,) = emotion_counts({"happy": 3, "sad": 1}).data
    assert bars.y == EMOTIONS
    assert bars.x == (0, 0, 0, 3, 1, 0, 0)
    assert bars.marker.color == tuple(COLOURS.values())
    assert bars.text[3] == "3 · 75%"


def test_nothing_counted_is_drawn_too():
    (bars,) = emotion_counts({}).data
    assert set(bars.x) == {0}
