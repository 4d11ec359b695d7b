"""Plotly figures from results; pure functions, one colour per emotion throughout."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.figures.style import readable
from fer.emotions import COLOURS, EMOTIONS
from fer.wording import percent

CLEAR = "rgba(0,0,0,0)"


def probability_bars(probabilities: Sequence[float]) -> go.Figure:
    """Draw a face's seven probabilities as horizontal bars, in the emotions' fixed order."""
    text = [percent(value) for value in probabilities]
    return bars_by_emotion(probabilities, text, hover="%{x:.1%}", end=1, height=190, room=36)


def bars_by_emotion(
    values: Sequence[float], text: Sequence[str], *, hover: str, end: float, height: int, room: int
) -> go.Figure:
    """Draw one horizontal bar an emotion, each in its colour, in the emotions' fixed order.

    Args:
        values: the bars' lengths, one for each of `EMOTIONS`.
        text: what stands at their ends.
        hover: plotly's template for what a bar says under the pointer, after its emotion.
        end: the length that fills the width.
        height: of the figure, in pixels.
        room: to the right of a full bar, for its text, in pixels.
    """
    figure = go.Figure(
        go.Bar(
            x=list(values),
            y=list(EMOTIONS),
            orientation="h",
            marker_color=[COLOURS[emotion] for emotion in EMOTIONS],
            text=list(text),
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"%{{y}}: {hover}<extra></extra>",
        )
    )
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": room, "t": 4, "b": 4},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        bargap=0.25,
        showlegend=False,
    )
    figure.update_xaxes(range=[0, end], visible=False, fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True, title=None, showgrid=False)
    return readable(figure)


def emotion_counts(counts: Mapping[str, int]) -> go.Figure:
    """Draw how many faces show each emotion, in the emotions' fixed order.

    Args:
        counts: faces by emotion; what is missing is none.
    """
    values = [counts.get(emotion, 0) for emotion in EMOTIONS]
    total = sum(values) or 1
    text = [f"{value:,} · {percent(value / total)}" for value in values]
    end = max(values) or 1
    return bars_by_emotion(values, text, hover="%{x:,} faces", end=end, height=240, room=96)
