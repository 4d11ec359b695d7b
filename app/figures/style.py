"""What all figures share."""

import plotly.graph_objects as go

GREY = "#8a929c"


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
    return figure
