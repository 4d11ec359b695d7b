"""Plotly figures of a scored batch; pure functions, one colour per emotion throughout."""

from collections.abc import Mapping

import plotly.graph_objects as go

from fer.emotions import COLOURS, EMOTIONS
from fer.wording import percent


def emotion_counts(counts: Mapping[str, int]) -> go.Figure:
    """Draw how many faces show each emotion, in the emotions' fixed order.

    Args:
        counts: faces by emotion; what is missing is none.
    """
    values = [counts.get(emotion, 0) for emotion in EMOTIONS]
    total = sum(values) or 1
    figure = go.Figure(
        go.Bar(
            x=values,
            y=list(EMOTIONS),
            orientation="h",
            marker_color=[COLOURS[emotion] for emotion in EMOTIONS],
            text=[f"{value:,} · {percent(value / total)}" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:,} faces<extra></extra>",
        )
    )
    figure.update_layout(
        height=240,
        margin={"l": 0, "r": 96, "t": 4, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        bargap=0.25,
        showlegend=False,
    )
    figure.update_xaxes(range=[0, max(values) or 1], visible=False, fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True, title=None, showgrid=False)
    return figure
