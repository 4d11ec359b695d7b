"""Plotly figures of confusion matrices: one, and the difference of two.

`app.figures.comparison` has the others; the tables are those of
`fer.compare.metrics.confusion_table`.
"""

import pandas as pd
import plotly.graph_objects as go

from app.figures.style import TEXT, finish
from fer.emotions import EMOTIONS

# The fullest colour lets so much of the page through that the text's colour, near-black on white
# or near-white on near-black, keeps 4.5 : 1 on every cell.
PALE, FULL = 0.03, 0.75
NO_SHARE = "–"
"""Stands where a row has no images, which have no shares."""
BLUE, RED = "rgba(68,119,170,{})", "rgba(204,80,70,{})"


def confusion_matrix(cells: pd.DataFrame, shares: bool, top: float) -> go.Figure:
    """Draw one model's confusion matrix; a click on a cell selects `[true, predicted]`.

    Args:
        cells: one model's lines of `fer.compare.metrics.confusion_table`.
        shares: whether to show shares of a row, or counts.
        top: the value of the full colour, the same for all matrices that stand side by side.
    """
    values = cells["share" if shares else "images"].fillna(0)
    texts = [f"{value:.0%}" if shares else f"{value:,}" for value in values]
    if shares:
        texts = _with_dashes(texts, cells["share"])
    scale = [[0, BLUE.format(PALE)], [1, BLUE.format(FULL)]]
    hover = [
        f"{line['true']}, named {line['predicted']}: {line['images']:,} images"
        + (
            f"; there are no images of {line['true']}"
            if pd.isna(line["share"])
            else f", {line['share']:.1%} of {line['true']}"
        )
        for line in cells.to_dict("records")
    ]
    return _matrix(cells, values, texts, hover, scale, (0, max(top, 1e-9)))


def confusion_difference(
    first: pd.DataFrame, second: pd.DataFrame
) -> tuple[go.Figure, pd.DataFrame]:
    """Draw where the second model is better (blue) or worse (red) than the first.

    The numbers are how much larger its shares of the rows are, in points: more is better on the
    diagonal and worse beside it.

    Args:
        first, second: two models' lines of `fer.compare.metrics.confusion_table`.

    Returns:
        The figure, and its table: `true`, `predicted`, `images` and `share` more than the first.
    """
    keys = ["true", "predicted"]
    table = second.set_index(keys)[["images", "share"]] - first.set_index(keys)[["images", "share"]]
    table = table.reset_index()
    more = table["share"].fillna(0)
    better = more.where(table["true"] == table["predicted"], -more)
    texts = [f"{100 * value:+.0f}" for value in more]
    texts = [text if any(c in "123456789" for c in text) else "0" for text in texts]
    texts = _with_dashes(texts, table["share"])
    hover = [
        f"{line['true']}, named {line['predicted']}: "
        + (f"no images of {line['true']}" if text == NO_SHARE else f"{text} points")
        for line, text in zip(table.to_dict("records"), texts, strict=True)
    ]
    scale = [[0, RED.format(FULL)], [0.5, BLUE.format(PALE)], [1, BLUE.format(FULL)]]
    top = max(better.abs().max(), 1e-9)
    return _matrix(table, better, texts, hover, scale, (-top, top)), table


def _with_dashes(texts: list[str], shares: pd.Series) -> list[str]:
    """Return the cells' texts, a dash in those whose row has no images."""
    return [
        NO_SHARE if missing else text for text, missing in zip(texts, shares.isna(), strict=True)
    ]


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
    # Plotly selects points, not cells: an unseen square lies on each, and is seen when selected.
    figure.add_trace(
        go.Scatter(
            x=cells["predicted"].tolist(),
            y=cells["true"].tolist(),
            customdata=cells[["true", "predicted"]].to_numpy().tolist(),
            mode="markers",
            marker={"symbol": "square-open", "size": 34, "opacity": 0, "line": {"width": 2}},
            selected={"marker": {"opacity": 1, "color": TEXT}},
            unselected={"marker": {"opacity": 0}},
            hovertext=hover,
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
        )
    )
    # Annotations, because a selection dims other texts.
    figure.layout.annotations = [
        {
            "x": line["predicted"],
            "y": line["true"],
            "text": text,
            "font": {"size": 13, "color": TEXT},
            "showarrow": False,
        }
        for line, text in zip(cells.to_dict("records"), texts, strict=True)
    ]
    figure.update_xaxes(title="named", side="top", fixedrange=True, showgrid=False)
    figure.update_yaxes(title="true", autorange="reversed", fixedrange=True, showgrid=False)
    return finish(figure, height=400, margin={"l": 4, "r": 4, "t": 70, "b": 0})
