"""The comparison as a report: the choice made on the page, with the figures that answer it."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from app.compare.cost import AXES, with_front
from app.compare.trust import given
from app.figures.comparison import (
    cost_against_accuracy,
    emotion_bars,
    model_colours,
    reliability_diagram,
)
from app.figures.matrices import confusion_matrix
from app.figures.trust import risk_coverage_curves
from app.report import cards, document, facts, figure, heading, sentence, table
from fer.artifacts import Artifact
from fer.compare.metrics import (
    Predictions,
    calibration_table,
    confusion_table,
    per_emotion,
)
from fer.compare.paired import paired_comparison
from fer.compare.selective import at_threshold, risk_coverage

COST = "multiply-adds"
"""Against which accuracy is drawn: the same on any machine."""


def comparison_report(
    answer: str,
    asked: Mapping[str, str],
    board: pd.DataFrame,
    chosen: Sequence[Predictions],
    found: Mapping[str, Artifact],
) -> bytes:
    """Return the comparison as one HTML file.

    Args:
        answer: the page's short answer.
        asked: the page's settings, as people read them.
        board: the leaderboard.
        chosen: the predictions of the models to show in full; there may be none.
        found: all models.
    """
    colours = model_colours(list(found))
    parts = [sentence(answer), facts(asked), heading("All models"), table(readable(board))]
    known = with_front(board, COST)
    if len(known):
        drawn = cost_against_accuracy(known, COST, AXES[COST], colours)
        parts.append(figure(drawn, "Test accuracy against what there is to compute"))
    if chosen:
        artifacts = [found[predictions.name] for predictions in chosen]
        parts += [
            *in_full(chosen, artifacts, colours),
            *cards(artifacts),
        ]
    return document("Models that name emotions, compared", parts)


def in_full(
    models: Sequence[Predictions], artifacts: Sequence[Artifact], colours: Mapping[str, str]
) -> list[str]:
    """Return the figures of the models that are chosen."""
    parts = [heading("Side by side")]
    if len(models) > 1:
        parts.append(sentence(paired_comparison(models[0], models[1]).sentence))
    emotions = per_emotion(models)
    for measure, title in (("recall", "Recall"), ("precision", "Precision")):
        drawn = emotion_bars(emotions, measure, colours)
        parts.append(figure(drawn, f"{title} of each emotion, with 95% intervals"))
    drawn = trusted(models, artifacts, colours)
    parts.append(figure(drawn, "Wrong answers by how many faces are answered, the surest first"))
    cells, bins = confusion_table(models), calibration_table(models)
    for predictions in models:
        name = predictions.name
        matrix = confusion_matrix(cells[cells["model"] == name], shares=True, top=1.0)
        parts.append(figure(matrix, f"{name}: what each emotion is named, in percent"))
        drawn = reliability_diagram(bins[bins["model"] == name], colours[name])
        parts.append(figure(drawn, f"{name}: how often it is right when it is so sure"))
    return parts


def trusted(
    models: Sequence[Predictions], artifacts: Sequence[Artifact], colours: Mapping[str, str]
) -> go.Figure:
    """Return the curves of risk against coverage, each marked where the pages call it certain."""
    curves, marks = {}, []
    for predictions, artifact in zip(models, artifacts, strict=True):
        confidence, right = given(predictions, None)
        curves[predictions.name] = risk_coverage(confidence, right)
        kept, correct = at_threshold(confidence, right, artifact.config.threshold)
        if kept:
            marks.append((predictions.name, kept / len(right), 1 - correct / kept))
    marked = pd.DataFrame(marks, columns=["model", "coverage", "risk"])
    return risk_coverage_curves(curves, marked, colours)


def readable(board: pd.DataFrame) -> pd.DataFrame:
    """Return the leaderboard's main columns as people write their figures."""
    formats = {
        "accuracy": "{:.1%}", "low": "{:.1%}", "high": "{:.1%}", "macro F1": "{:.3f}",
        "worst recall": "{:.0%}", "calibration error": "{:.3f}", "not in train": "{:.1%}",
        "ms a face": "{:.1f}", "MB": "{:.1f}",
    }  # fmt: skip
    said = {
        name: ["–" if pd.isna(value) else form.format(value) for value in board[name]]
        for name, form in formats.items()
    }
    shown = pd.DataFrame({"model": board["model"]} | said)
    shown.insert(2, "95% interval", shown.pop("low") + " – " + shown.pop("high"))
    shown["worst recall"] += " " + board["worst class"]
    return shown.rename(columns={"not in train": "on unseen images"})
