"""Plotly figures of confusion matrices: one, and the difference of two.

`app.figures.comparison` has the others; the tables are those of
`fer.compare.metrics.confusion_table`.
"""

import pandas as pd
import plotly.graph_objects as go

from app.figures.style import finish
from fer.emotions import EMOTIONS

BLUE, RED = "68,119,170", "204,80,70"


def confusion_matrix(cells: pd.DataFrame, shares: bool, top: float) -> go.Figure:
    """Draw one model's confusion matrix; a click on a cell selects `[true, predicted]`.

    Args:
        cells: one model's lines of `fer.compare.metrics.confusion_table`.
        shares: whether to show shares of a row, or counts.
        top: the value of the full colour, the same for all matrices that stand side by side.
    """
    values = cells["share" if shares else "images"].fillna(0)
    texts = [f"{value:.0%}" if shares else f"{value:,}" for value in values]
    scale = [[0, f"rgba({BLUE},0.03)"], [1, f"rgba({BLUE},1)"]]
    hover = [
        f"{line['true']}, named {line['predicted']}: {line['images']:,} images"
        + ("" if pd.isna(line["share"]) else f", {line['share']:.1%} of {line['true']}")
        for line in cells.to_dict("records")
    ]
    return _matrix(cells, values, texts, hover, scale, (0, max(top, 1e-9)))


def confusion_difference(
    first: pd.DataFrame, second: pd.DataFrame
) -> tuple[go.Figure, pd.DataFrame]:
    """Draw how much larger shares of its rows the second model's matrix has than the first's.

    Args:
        first, second: two models' lines of `fer.compare.metrics.confusion_table`.

    Returns:
        The figure, and its table: `true`, `predicted`, `images` and `share` more than the first.
    """
    keys = ["true", "predicted"]
    table = second.set_index(keys)[["images", "share"]] - first.set_index(keys)[["images", "share"]]
    table = table.reset_index()
    values = table["share"].fillna(0)
    texts = [f"{100 * value:+.0f}" for value in values]
    texts = [text if any(c in "123456789" for c in text) else "0" for text in texts]
    hover = [
        f"{line['true']}, named {line['predicted']}: {text} points"
        for line, text in zip(table.to_dict("records"), texts, strict=True)
    ]
    scale = [[0, f"rgba({RED},1)"], [0.5, f"rgba({BLUE},0.03)"], [1, f"rgba({BLUE},1)"]]
    top = max(values.abs().max(), 1e-9)
    return _matrix(table, values, texts, hover, scale, (-top, top)), table


def _matrix(
    cells: pd.DataFrame,
    values: pd.Series,
    texts: list[str],
    hover: list[str],
    scale: list[list[object]],
    limits: tuple[float, float],
) -> go.Figure:
    size = len(EMOTIONS)
    figure = go.Figure(
        go.Heatmap(
            x=list(EMOTIONS),
            y=list(EMOTIONS),
            z=values.to_numpy(dtype=float).reshape(size, size).tolist(),
            zmin=limits[0],
            zmax=limits[1],
            colorscale=scale,
            showscale=False,
            xgap=2,
            ygap=2,
            hoverinfo="skip",
        )
    )
    # Plotly selects points, not cells: an unseen square lies on each.
    figure.add_trace(
        go.Scatter(
            x=cells["predicted"].tolist(),
            y=cells["true"].tolist(),
            customdata=cells[["true", "predicted"]].to_numpy().tolist(),
            mode="markers",
            marker={"symbol": "square", "size": 34, "opacity": 0},
            selected={"marker": {"opacity": 0.3, "color": "white"}},
            unselected={"marker": {"opacity": 0}},
            hovertext=hover,
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
        )
    )
    # Annotations, because a selection dims other texts. On a full colour they are white.
    strong = values.abs() > 0.42 * max(abs(limits[0]), limits[1])
    figure.layout.annotations = [
        {
            "x": line["predicted"],
            "y": line["true"],
            "text": text,
            "font": {"size": 13} | ({"color": "white"} if white else {}),
            "showarrow": False,
        }
        for line, text, white in zip(cells.to_dict("records"), texts, strong, strict=True)
    ]
    figure.update_xaxes(title="named", side="top", fixedrange=True, showgrid=False)
    figure.update_yaxes(title="true", autorange="reversed", fixedrange=True, showgrid=False)
    return finish(figure, height=400, margin={"l": 4, "r": 4, "t": 70, "b": 0})
