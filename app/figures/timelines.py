"""Seven probabilities over time, stacked to 1: one colour an emotion, as everywhere."""

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd
import plotly.graph_objects as go

from app.figures.emotions import CLEAR
from app.figures.style import GREY, LEGEND_BELOW, readable
from fer.emotions import COLOURS, EMOTIONS

SEEN = 0.05
"""An emotion whose share reaches this at some time has a colour that can be seen, and a name."""


def timeline(
    times: Sequence[float], shares: pd.DataFrame, end: float, gap: float, at: float | None = None
) -> go.Figure:
    """Draw a person's probabilities over time.

    Args:
        times: in seconds, rising.
        shares: a row for each time, a column for each of `EMOTIONS`.
        end: of the axis of time.
        gap: seconds without an answer from which on nothing is drawn.
        at: a moment to mark.
    """
    figure = go.Figure()
    table = shares.set_axis(pd.Index(times, name="time"), axis="index")
    # An area falls to nothing on either side of a gap; a line would be drawn across it.
    edges = [
        edge
        for before, after in pairwise(times)
        if after - before > gap
        for edge in (before + gap / 2, after - gap / 2)
    ]
    drawn = pd.concat([table, pd.DataFrame(0.0, index=edges, columns=table.columns)]).sort_index()
    for emotion in EMOTIONS:
        figure.add_scatter(
            x=drawn.index,
            y=drawn[emotion],
            name=emotion,
            showlegend=bool(shares[emotion].max() >= SEEN),
            # A line alone can be pointed at, but not clicked on: markers, though none is seen.
            mode="lines+markers",
            marker={"size": 1, "opacity": 0, "color": COLOURS[emotion]},
            line={"width": 0.5, "color": COLOURS[emotion]},
            fillcolor=COLOURS[emotion],
            stackgroup="shares",
            hovertemplate="%{y:.0%}",
        )
    if at is not None:
        figure.add_vline(at, line={"width": 2, "dash": "dot", "color": GREY})
    figure.update_layout(
        height=225,
        margin={"l": 0, "r": 0, "t": 4, "b": 4},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        hovermode="x unified",
        legend=LEGEND_BELOW["legend"],
        # A click on a name would take its colour out, and the rest no longer add up to 1.
        legend_itemclick=False,
        legend_itemdoubleclick=False,
        dragmode=False,
    )
    figure.update_xaxes(range=[0, end], ticksuffix=" s", title=None, fixedrange=True)
    figure.update_yaxes(range=[0, 1], visible=False, fixedrange=True)
    return readable(figure)
