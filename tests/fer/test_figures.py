from fer.emotions import COLOURS, EMOTIONS
from fer.figures import probability_bars


def test_bars_hold_all_seven_in_order_and_colour():
    (bars,) = probability_bars([0.1, 0.0, 0.2, 0.4, 0.1, 0.1, 0.1]).data
    assert bars.y == EMOTIONS
    assert bars.x[3] == 0.4
    assert list(bars.marker.color) == [COLOURS[emotion] for emotion in EMOTIONS]
    assert bars.text[3] == "40%"
