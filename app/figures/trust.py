"""Plotly figures of how far answers can be trusted: risk, agreement, robustness.

Pure functions of the tables of `fer.compare`; one colour per model, as in `app.figures.comparison`.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.figures.style import TEXT, finish, finish_below

POINTS = 400
"""Points of a curve that are drawn: more cannot be told apart, and would be megabytes."""


def risk_coverage_curves(
    curves: Mapping[str, pd.DataFrame], marks: pd.DataFrame, colours: Mapping[str, str]
) -> go.Figure:
    """Draw the share of wrong answers against the share of faces answered, a line a model.

    Args:
        curves: as `fer.compare.selective.risk_coverage` returns them, by model.
        marks: `model`, `coverage`, `risk` of the points to mark on the lines.
    """
    figure = go.Figure()
    for model, curve in curves.items():
        shown = curve.iloc[np.unique(np.linspace(0, len(curve) - 1, POINTS).round().astype(int))]
        figure.add_trace(
            go.Scatter(
                x=shown["coverage"].tolist(),
                y=shown["risk"].tolist(),
                customdata=shown["threshold"].tolist(),
                mode="lines",
                name=model,
                line={"color": colours[model], "width": 2},
                hovertemplate="%{x:.0%} answered, %{y:.1%} of them wrong<br>from a confidence of "
                "%{customdata:.0%} on<extra>%{fullData.name}</extra>",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=marks["coverage"].tolist(),
            y=marks["risk"].tolist(),
            mode="markers",
            name="at the threshold",
            marker={
                "size": 12,
                "color": [colours[model] for model in marks["model"]],
                "line": {"width": 2, "color": TEXT},
            },
            hovertemplate="%{x:.1%} answered, %{y:.1%} of them wrong<extra></extra>",
        )
    )
    figure.update_xaxes(title="faces answered", range=[0, 1.01], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(title="of them wrong", tickformat=".0%", rangemode="tozero",
                        fixedrange=True)  # fmt: skip
    return finish_below(figure, height=390)


def against_agreement(table: pd.DataFrame, colours: Mapping[str, str]) -> go.Figure:
    """Draw accuracy by how many of ten annotators agreed, a line a model.

    Args:
        table: `model`, `agreed`, `images`, `right`, `accuracy`, `low`, `high`.
    """
    figure = go.Figure()
    for model, lines in table.groupby("model", sort=False):
        value = lines["accuracy"]
        figure.add_trace(
            go.Scatter(
                x=lines["agreed"].tolist(),
                y=value.tolist(),
                mode="lines+markers",
                name=str(model),
                line={"color": colours[str(model)], "width": 2},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": (lines["high"] - value).tolist(),
                    "arrayminus": (value - lines["low"]).tolist(),
                    "thickness": 1,
                    "width": 3,
                },
                customdata=lines[["images", "right"]].to_numpy().tolist(),
                hovertemplate="%{x} agreed: %{customdata[1]:,} of %{customdata[0]:,} right, "
                "%{y:.1%}<extra>%{fullData.name}</extra>",
            )
        )
    figure.update_xaxes(title="annotators who saw the same emotion", dtick=1, fixedrange=True)
    figure.update_yaxes(title="right", range=[0, 1], tickformat=".0%", fixedrange=True)
    return finish_below(figure, height=330)


def beside_ceiling(table: pd.DataFrame, ceiling: float, colours: Mapping[str, str]) -> go.Figure:
    """Draw each model's accuracy beside that of one annotator, by the majority of the others.

    Args:
        table: `model` and `accuracy`.
    """
    figure = go.Figure(
        go.Bar(
            x=table["accuracy"].tolist(),
            y=[
                f"{model}, {accuracy:.1%}"
                for model, accuracy in zip(table["model"], table["accuracy"], strict=True)
            ],
            orientation="h",
            marker_color=[colours[model] for model in table["model"]],
            hovertemplate="%{y}<extra></extra>",
        )
    )
    figure.add_vline(
        x=ceiling,
        line={"color": TEXT, "dash": "dot", "width": 2},
        annotation_text=f"one annotator, {ceiling:.1%}",
        annotation_position="top",
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    return finish(figure, height=90 + 40 * len(table), showlegend=False)


def against_severity(table: pd.DataFrame, colours: Mapping[str, str]) -> go.Figure:
    """Draw accuracy by how strongly the images are disturbed, a line a model.

    Args:
        table: `model`, `severity` (0 for undisturbed), `images`, `right`, `accuracy`.
    """
    figure = go.Figure()
    for model, lines in table.groupby("model", sort=False):
        figure.add_trace(
            go.Scatter(
                x=lines["severity"].tolist(),
                y=lines["accuracy"].tolist(),
                mode="lines+markers",
                name=str(model),
                line={"color": colours[str(model)], "width": 2},
                customdata=lines[["images", "right"]].to_numpy().tolist(),
                hovertemplate="strength %{x}: %{customdata[1]:,} of %{customdata[0]:,} right, "
                "%{y:.1%}<extra>%{fullData.name}</extra>",
            )
        )
    figure.update_xaxes(title="strength", dtick=1, fixedrange=True)
    figure.update_yaxes(title="right", range=[0, 1], tickformat=".0%", fixedrange=True)
    return finish_below(figure, height=330)
