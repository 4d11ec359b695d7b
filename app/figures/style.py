"""What all figures share."""

import plotly.graph_objects as go
from streamlit.elements.lib.streamlit_plotly_theme import GRAY_90

GREY = "#8a929c"
TEXT = GRAY_90
"""Stands for the text's colour: the browser puts near-black or near-white in its place, as the
theme is. What Streamlit gives figures otherwise has 3.8 : 1 on white."""

LEGEND_BELOW = {
    "legend": {
        "orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0,
        "xref": "container", "xanchor": "left", "x": 0, "traceorder": "normal",
        "font": {"size": 11}, "maxheight": 1,
    },
    "margin": {"l": 4, "r": 12, "t": 36, "b": 4},
}  # fmt: skip
"""Layout of a figure whose legend is long: below, where it takes room from the plot, and not lies
on it, however many rows a narrow window makes of it."""


def finish(figure: go.Figure, **layout: object) -> go.Figure:
    """Give a figure the layout that all share: little margin, the legend above, no dragging."""
    figure.update_layout(
        **{
            "margin": {"l": 4, "r": 12, "t": 56, "b": 4},
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
            "dragmode": False,
        }
        | layout
    )
    return readable(figure)


LEGEND_ROW = 19
"""Pixels of one row of such a legend."""


def finish_below(figure: go.Figure, height: int) -> go.Figure:
    """Finish a figure whose names, however many, all stand below it.

    Args:
        height: of the rest, in pixels; on a phone each name has a row of its own.
    """
    height += LEGEND_ROW * sum(trace.showlegend is not False for trace in figure.data)
    return finish(figure, height=height, **LEGEND_BELOW)


def readable(figure: go.Figure) -> go.Figure:
    """Write a figure's texts, on its axes too, in the theme's text colour."""
    figure.update_layout(font_color=TEXT, legend_font_color=TEXT)
    axis = {"tickfont_color": TEXT, "title_font_color": TEXT}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure
