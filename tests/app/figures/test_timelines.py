import pandas as pd

from app.figures.style import TEXT
from app.figures.timelines import timeline
from fer.emotions import COLOURS, EMOTIONS


def test_every_emotion_has_its_colour_and_nothing_is_drawn_where_nobody_was():
    shares = pd.DataFrame([[1 / 7] * 7] * 4, columns=EMOTIONS)
    figure = timeline([0.0, 0.2, 5.0, 5.2], shares, end=6, gap=2)
    assert [trace.name for trace in figure.data] == list(EMOTIONS)
    assert [trace.fillcolor for trace in figure.data] == list(COLOURS.values())
    for trace in figure.data:
        drawn = dict(zip(trace.x, trace.y, strict=True))
        assert [drawn[time] for time in (0.0, 0.2, 5.0, 5.2)] == [1 / 7] * 4
        between = {time: share for time, share in drawn.items() if 0.2 < time < 5}
        assert len(between) == 2
        assert set(between.values()) == {0}


def test_the_axis_of_time_is_written_in_the_text_s_colour():
    shares = pd.DataFrame([[1 / 7] * 7] * 2, columns=EMOTIONS)
    figure = timeline([0.0, 0.2], shares, end=6, gap=2)
    assert figure.layout.xaxis.tickfont.color == TEXT


def test_the_legend_names_the_colours_that_can_be_seen():
    shares = pd.DataFrame(0.0, index=range(3), columns=EMOTIONS)
    shares["happy"], shares["fear"], shares["sad"] = 0.89, 0.1, 0.01
    figure = timeline([0.0, 0.2, 0.4], shares, end=1, gap=2)
    assert figure.layout.showlegend is not False
    assert {trace.name for trace in figure.data if trace.showlegend} == {"happy", "fear"}
