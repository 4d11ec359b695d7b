"""Plotly figures from results; pure functions, one colour per emotion throughout."""

from collections.abc import Sequence

import plotly.graph_objects as go

from fer.emotions import COLOURS, EMOTIONS
from fer.wording import percent


def probability_bars(probabilities: Sequence[float]) -> go.Figure:
    """Draw a face's seven probabilities as horizontal bars, in the emotions' fixed order."""
    figure = go.Figure(
        go.Bar(
            x=list(probabilities),
            y=list(EMOTIONS),
            orientation="h",
            marker_color=[COLOURS[emotion] for emotion in EMOTIONS],
            text=[percent(value) for value in probabilities],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )
    )
    figure.update_layout(
        height=190,
        margin={"l": 0, "r": 36, "t": 4, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        bargap=0.25,
        showlegend=False,
    )
    figure.update_xaxes(range=[0, 1], visible=False, fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True, title=None, showgrid=False)
    return figure
