"""Plotly figures of confusion matrices: one, and the difference of two.

`fer.figures` has the others; the tables are those of `fer.comparison.confusion_table`.
"""

import pandas as pd
import plotly.graph_objects as go

from fer.emotions import EMOTIONS
from fer.figures import finish

BLUE, RED = "68,119,170", "204,80,70"


def confusion_matrix(cells: pd.DataFrame, shares: bool, top: float) -> go.Figure:
    """Draw one model's confusion matrix; a click on a cell selects `[true, predicted]`.

    Args:
        cells: one model's lines of `fer.comparison.confusion_table`.
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
    first: pd.DataFrame, second: pd.DataFrame, shares: bool
) -> tuple[go.Figure, pd.DataFrame]:
    """Draw what the second model's confusion matrix has more of, cell by cell, than the first's.

    Args:
        first, second: two models' lines of `fer.comparison.confusion_table`.

    Returns:
        The figure, and its table: `true`, `predicted`, `images` and `share` more than the first.
    """
    keys = ["true", "predicted"]
    table = second.set_index(keys)[["images", "share"]] - first.set_index(keys)[["images", "share"]]
    table = table.reset_index()
    values = table["share" if shares else "images"].fillna(0)
    texts = [f"{100 * value:+.0f}" if shares else f"{value:+,}" for value in values]
    texts = [text if any(c in "123456789" for c in text) else "0" for text in texts]
    unit = " points" if shares else " images"
    hover = [
        f"{line['true']}, named {line['predicted']}: {text}{unit}"
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
            z=values.to_numpy(dtype=float).reshape(size, size),
            zmin=limits[0],
            zmax=limits[1],
            colorscale=scale,
            showscale=False,
            xgap=2,
            ygap=2,
            hoverinfo="skip",
        )
    )
    # Plotly selects points, not cells: an unseen square lies on each. Numbers on a full colour
    # are white, the others have the theme's colour.
    strong = (values.abs() > 0.6 * max(abs(limits[0]), limits[1])).to_numpy()
    for on_colour in (False, True):
        chosen = [i for i, is_strong in enumerate(strong) if is_strong == on_colour]
        lines = cells.iloc[chosen]
        font = {"size": 12} | ({"color": "white"} if on_colour else {})
        look = {"marker": {"opacity": 0}} | ({"textfont": {"color": "white"}} if on_colour else {})
        figure.add_trace(
            go.Scatter(
                x=lines["predicted"].tolist(),
                y=lines["true"].tolist(),
                customdata=lines[["true", "predicted"]].to_numpy().tolist(),
                mode="markers+text",
                marker={"symbol": "square", "size": 34, "opacity": 0},
                selected=look,
                unselected=look,
                text=[texts[i] for i in chosen],
                textfont=font,
                hovertext=[hover[i] for i in chosen],
                hovertemplate="%{hovertext}<extra></extra>",
                showlegend=False,
            )
        )
    figure.update_xaxes(title="named", side="top", fixedrange=True, showgrid=False, tickangle=-40)
    figure.update_yaxes(title="true", autorange="reversed", fixedrange=True, showgrid=False)
    # Streamlit's selection needs a drag mode that selects; with "select" a click still does.
    return finish(figure, height=400, margin={"l": 4, "r": 4, "t": 84, "b": 4})
