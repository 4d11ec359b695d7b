"""Plotly figures of the tables of `fer.compare.metrics`; pure functions, one colour per model.

They set no colour of text or background: the page's theme does. `app.figures.matrices` draws the
others.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.style import GREY, LEGEND_BELOW, LEGEND_ROW, finish, finish_below
from fer.compare.references import HUMAN_ACCURACY, HUMAN_SPREAD
from fer.emotions import COLOURS, EMOTIONS

# Paul Tol's bright scheme and three of his vibrant and muted ones, then others: mid-tones, the
# first of them told apart by colour-blind readers, all on white and near-black pages alike. Of the
# last sixteen each is as far as can be, in Oklab, from all before it.
MODEL_COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#ee7733", "#009988",
    "#8866cc", "#999933", "#9c755f", "#56b4e9", "#d55e00", "#7f9f3f", "#c06ca8", "#808a96",
    "#e090f8", "#c0a8b0", "#706000", "#a84028", "#40c0a0", "#007068", "#785870", "#9090f8",
    "#0090e8", "#f888b8", "#4058c0", "#8840a8", "#c05868", "#c09068", "#78c048", "#f09880",
)  # fmt: skip


def model_colours(names: Sequence[str]) -> dict[str, str]:
    """Give each model its colour, by its place in the list of all models."""
    return {name: MODEL_COLOURS[i % len(MODEL_COLOURS)] for i, name in enumerate(names)}


def emotion_bars(table: pd.DataFrame, measure: str, colours: Mapping[str, str]) -> go.Figure:
    """Draw precision, recall or F1 as a group of bars for each emotion, a bar a model.

    Args:
        table: as `fer.compare.metrics.per_emotion` returns it; intervals are drawn where it
            has them.
    """
    figure = go.Figure()
    for model, lines in table.groupby("model", sort=False):
        error = None
        if f"{measure}_low" in table:
            value = lines[measure]
            error = {
                "type": "data",
                "symmetric": False,
                "array": (lines[f"{measure}_high"] - value).tolist(),
                "arrayminus": (value - lines[f"{measure}_low"]).tolist(),
                "thickness": 1,
                "width": 2,
                "color": GREY,
            }
        figure.add_trace(
            go.Bar(
                name=str(model),
                x=lines["emotion"].tolist(),
                y=lines[measure].tolist(),
                error_y=error,
                marker_color=colours[str(model)],
                customdata=lines[["images", "named", "right"]].to_numpy().tolist(),
                hovertemplate="%{x}: %{y:.1%}<br>%{customdata[0]} images, %{customdata[1]} named "
                "so, %{customdata[2]} right<extra>%{fullData.name}</extra>",
            )
        )
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_yaxes(range=[0, 1], tickformat=".0%", fixedrange=True)
    figure.update_xaxes(fixedrange=True)
    return finish_below(figure, height=270)


def class_shares(counts: Sequence[int]) -> tuple[go.Figure, pd.DataFrame]:
    """Draw each emotion's share of the training images; return the figure and its table."""
    table = pd.DataFrame({"emotion": list(EMOTIONS), "images": list(counts)})
    table["share"] = table["images"] / table["images"].sum()
    figure = go.Figure(
        go.Bar(
            x=table["emotion"].tolist(),
            y=table["share"].tolist(),
            marker_color=[COLOURS[emotion] for emotion in EMOTIONS],
            text=[f"{share:.1%}" for share in table["share"]],
            textposition="outside",
            cliponaxis=False,
            customdata=table["images"].tolist(),
            hovertemplate="%{x}: %{customdata:,} images, %{y:.1%}<extra></extra>",
        )
    )
    figure.update_yaxes(tickformat=".0%", fixedrange=True, rangemode="tozero")
    figure.update_xaxes(fixedrange=True)
    return finish(figure, height=300, showlegend=False), table


def reliability_diagram(table: pd.DataFrame, colour: str) -> go.Figure:
    """Draw one model's accuracy against its confidence, and how many images are behind it.

    Args:
        table: one model's lines of `fer.compare.metrics.calibration_table`.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06
    )
    figure.add_trace(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            name="as sure as right",
            line={"color": GREY, "width": 1, "dash": "dot"},
            showlegend=False,
            hoverinfo="skip",
        ),
        row=1,
        col=1,
    )
    styles = {"before": ("dash", "circle-open", 0.45), "after": ("solid", "circle", 1.0)}
    for when, (dash, symbol, opacity) in styles.items():
        bins = table[table["when"] == when]
        if bins.empty:
            continue
        name = f"{when} temperature"
        counts = bins["images"].tolist()
        figure.add_trace(
            go.Scatter(
                x=bins["confidence"].tolist(),
                y=bins["accuracy"].tolist(),
                mode="lines+markers",
                name=name,
                legendgroup=when,
                line={"color": colour if when == "after" else GREY, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 7},
                cliponaxis=False,
                customdata=counts,
                hovertemplate="sure %{x:.1%}, right %{y:.1%}<br>of %{customdata:,} images"
                f"<extra>{name}</extra>",
            ),
            row=1,
            col=1,
        )
        figure.add_trace(
            go.Bar(
                x=((bins["low"] + bins["high"]) / 2).tolist(),
                y=counts,
                width=((bins["high"] - bins["low"]) * 0.9).tolist(),
                name=name,
                legendgroup=when,
                showlegend=False,
                marker_color=colour if when == "after" else GREY,
                opacity=opacity,
                hovertemplate=f"%{{y:,}} images<extra>{name}</extra>",
            ),
            row=2,
            col=1,
        )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(range=[0, 1], dtick=0.2, tickformat=".0%", fixedrange=True)
    figure.update_xaxes(title="confidence", row=2, col=1)
    figure.update_yaxes(fixedrange=True)
    figure.update_yaxes(title="right", range=[0, 1], tickformat=".0%", row=1, col=1)
    figure.update_yaxes(title="images", row=2, col=1)
    return finish(figure, height=420)


def beside_study(table: pd.DataFrame) -> go.Figure:
    """Draw the study's validation accuracies, and those of the runs here with their intervals.

    Args:
        table: as `app.compare.study.experiments` returns it.
    """
    figure = go.Figure()
    known = table.dropna(subset="validation")
    figure.add_trace(
        go.Scatter(
            x=known["validation"].tolist(),
            y=known["experiment"].tolist(),
            mode="markers",
            name="here",
            marker={"size": 11, "color": MODEL_COLOURS[0]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (known["high"] - known["validation"]).tolist(),
                "arrayminus": (known["validation"] - known["low"]).tolist(),
                "color": GREY,
                "thickness": 1.5,
            },
            customdata=known["model"].tolist(),
            hovertemplate="%{customdata}: %{x:.1%}<extra>here</extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=table["study"].tolist(),
            y=table["experiment"].tolist(),
            mode="markers",
            name="the study",
            marker={"size": 10, "symbol": "diamond-open", "color": GREY, "line": {"width": 2}},
            hovertemplate="%{x:.1%}<extra>the study</extra>",
        )
    )
    figure.update_xaxes(title="validation accuracy", tickformat=".0%", fixedrange=True)
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=table["experiment"].tolist()[::-1],
        automargin=True,
        fixedrange=True,
    )
    return finish(figure, height=320)


def _numbers(costs: Sequence[float], accuracies: Sequence[float]) -> list[str]:
    """Number the points from 1; those that lie on another have theirs beside its number."""
    near = 0.04 * (max(accuracies) - min(accuracies))
    groups: dict[int, list[int]] = {}
    for place, point in enumerate(zip(costs, accuracies, strict=True)):
        for first in groups:
            if costs[first] == point[0] and accuracies[first] - point[1] <= near:
                groups[first].append(place + 1)
                break
        else:
            groups[place] = [place + 1]
    return [", ".join(map(str, groups.get(place, []))) for place in range(len(costs))]


# Pixels: the plot of a cost as it is on a phone, and there a mark, a line of text and a digit.
PHONE, MARK, LINE, DIGIT = (270, 420), 11, 13, 6.5
PLACES = {
    f"{vertical} {side}".strip(): (right, up)
    for side, right in (("right", 1), ("left", -1), ("center", 0))
    for vertical, up in (("middle", 0), ("top", 1), ("bottom", -1))
    if right or up
}
"""Where a number can stand beside its mark, and in which direction that is."""


def _places(xs: Sequence[float], ys: Sequence[float], texts: Sequence[str]) -> list[str]:
    """Return of `PLACES` one a number, so that on a phone the least of them lies on another.

    Each takes in turn what is best while the others stay, until none wants to move.

    Args:
        xs, ys: of the marks, as shares of the plot's width and height.
        texts: the numbers; of an empty one the place does not matter.
    """
    marks = np.column_stack([xs, ys]) * PHONE
    halves = np.array([[len(text) * DIGIT, LINE if text else 0] for text in texts]) / 2
    ways = np.array(list(PLACES.values()))
    chosen = np.zeros(len(texts), dtype=int)

    for _ in texts:
        before = chosen.copy()
        for i, half in enumerate(halves):
            numbers = marks + ways[chosen] * (halves + MARK / 2 + 1)
            rest = np.arange(len(texts)) != i
            here = marks[i] + ways * (half + MARK / 2 + 1)
            beyond = (abs(here / PHONE - 0.5) + half / PHONE > 0.5).any(axis=-1)
            shared = (half + halves[rest] - abs(here[:, None] - numbers[rest])).clip(0)
            lost = shared.prod(axis=-1).sum(axis=-1) + beyond * 1e3
            # A number that is as near to another mark would be taken for that one's.
            away = np.linalg.norm((abs(here[:, None] - marks[rest]) - half).clip(0), axis=-1)
            lost += 8 * (MARK - away).clip(0).sum(axis=-1)
            chosen[i] = lost.argmin()
        if (chosen == before).all():
            break
    return [list(PLACES)[place] for place in chosen]


def cost_against_accuracy(
    table: pd.DataFrame, cost: str, title: str, colours: Mapping[str, str]
) -> go.Figure:
    """Draw accuracy with its interval against a cost, and the line of those that none beats.

    Names would lie on each other on a phone: a model has its number in the figure, by accuracy, and
    its name in the legend below; of models of one cost that lie on each other the first has the
    numbers of all. Those on the line are filled, the others rings.

    Args:
        table: a line a model: `model`, the column `cost`, `accuracy`, `low`, `high`, `front`.
        title: of the cost's axis.
    """
    figure = go.Figure()
    front = table[table["front"]].sort_values(cost)
    figure.add_trace(
        go.Scatter(
            x=front[cost].tolist(),
            y=front["accuracy"].tolist(),
            mode="lines",
            line={"color": GREY, "dash": "dot", "shape": "hv"},
            name="none is cheaper and better",
            hoverinfo="skip",
        )
    )
    ranked = table.sort_values("accuracy", ascending=False)
    written = _numbers(ranked[cost].tolist(), ranked["accuracy"].tolist())
    low, high = np.log10([table[cost].min(), table[cost].max()])
    room = 0.1 * max(high - low, 0.5)
    across = (low - room, high + 2 * room)  # numbers side by side are wide
    people = (HUMAN_ACCURACY - HUMAN_SPREAD, HUMAN_ACCURACY + HUMAN_SPREAD)
    low, high = min(people[0], table["low"].min()), max(people[1], table["high"].max())
    room = 0.05 * (high - low)
    upright = (low - room, high + room)
    places = _places(
        (np.log10(ranked[cost]) - across[0]) / (across[1] - across[0]),
        (ranked["accuracy"] - upright[0]) / (upright[1] - upright[0]),
        written,
    )
    for number, line in enumerate(ranked.to_dict("records"), start=1):
        figure.add_trace(
            go.Scatter(
                x=[line[cost]],
                y=[line["accuracy"]],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [line["high"] - line["accuracy"]],
                    "arrayminus": [line["accuracy"] - line["low"]],
                    "thickness": 1,
                    "width": 3,
                    "color": GREY,
                },
                mode="markers+text",
                text=[written[number - 1]],
                textposition=places[number - 1],
                textfont_size=11,
                cliponaxis=False,
                marker={
                    "size": MARK,
                    "color": colours[line["model"]],
                    "symbol": "circle" if line["front"] else "circle-open",
                    "line": {"width": 0 if line["front"] else 2},
                },
                name=f"{number} {line['model']}",
                meta=line["model"],
                hovertemplate=f"{title}: %{{x:,}}<br>accuracy %{{y:.2%}}, "
                f"{line['low']:.2%} to {line['high']:.2%}<extra>{line['model']}</extra>",
            )
        )
    figure.add_hrect(
        y0=people[0],
        y1=people[1],
        fillcolor=GREY,
        opacity=0.12,
        line_width=0,
        name=f"people, {HUMAN_ACCURACY:.0%} ± {HUMAN_SPREAD:.0%}",
        showlegend=True,
    )
    figure.update_xaxes(title=title, type="log", range=across, fixedrange=True)
    figure.update_yaxes(title="test accuracy", tickformat=".0%", range=upright, fixedrange=True)
    people_row = LEGEND_ROW  # the people's, who are no trace
    return finish_below(figure, height=105 + PHONE[1] + people_row)


def learning_curves(
    histories: Mapping[str, pd.DataFrame], measure: str, colours: Mapping[str, str]
) -> go.Figure:
    """Draw `loss` or `accuracy` by epoch: train thin and dotted, validation solid.

    Args:
        histories: `history.csv` by model; a column it lacks is left out.
    """
    figure = go.Figure()
    for model, history in histories.items():
        for split, dash, width in (("train", "dot", 1.5), ("validation", "solid", 2)):
            if f"{split}_{measure}" not in history:
                continue
            figure.add_trace(
                go.Scatter(
                    x=history["epoch"].tolist(),
                    y=history[f"{split}_{measure}"].tolist(),
                    mode="lines",
                    name=f"{model}, {split}",
                    line={"color": colours[model], "dash": dash, "width": width},
                    hovertemplate="epoch %{x}: %{y:.4f}<extra>%{fullData.name}</extra>",
                )
            )
    figure.update_xaxes(title="epoch", fixedrange=True)
    figure.update_yaxes(title=measure, fixedrange=True)
    if measure == "accuracy":
        figure.update_yaxes(tickformat=".0%")
    return finish_below(figure, height=330)


def paired_bar(parts: Mapping[str, int], colours: Mapping[str, str]) -> go.Figure:
    """Draw how many images both models, only one, or neither gets right, as one stacked bar.

    Args:
        parts: images by name of the part.
        colours: of the parts; those without are grey, the last of them hatched.
    """
    total = max(sum(parts.values()), 1)
    figure = go.Figure()
    for number, (name, count) in enumerate(parts.items(), start=1):
        figure.add_trace(
            go.Bar(
                x=[count],
                y=[""],
                orientation="h",
                name=f"{name}: {count:,}",
                marker_color=colours.get(name, GREY),
                marker_pattern_shape="/" if number == len(parts) else "",
                hovertemplate=f"{name}: {count:,} images, {count / total:.1%}<extra></extra>",
            )
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(visible=False, fixedrange=True, range=[0, total])
    figure.update_yaxes(visible=False, fixedrange=True)
    return finish(figure, height=180, **LEGEND_BELOW)
