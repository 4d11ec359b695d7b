"""Compare models by their predictions for the same images: what the dashboard's figures show.

Each function returns a table or a small dataclass, to be shown or drawn. Counting and
statistics are scipy's: contingency tables, binned means, rank correlation. Two models image
by image are `fer.compare.paired`. Nothing here loads weights.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binned_statistic, spearmanr
from scipy.stats.contingency import crosstab

from fer.artifacts.report import CALIBRATION_BINS, accuracy_interval, predicted_labels
from fer.columns import PROBABILITIES
from fer.emotions import EMOTIONS


@dataclass(frozen=True)
class Predictions:
    """One model's predictions for a set of labelled images."""

    name: str
    table: pd.DataFrame
    """One line an image: `row` (its number or path), `label`, and `p_…` of each emotion."""
    temperature: float | None = None
    """That the probabilities were made with; `None` where it is not known."""

    @property
    def labels(self) -> np.ndarray:
        """The emotions' numbers as labelled, int `[N]`."""
        return self.table["label"].to_numpy()

    @property
    def predicted(self) -> np.ndarray:
        """The most probable emotions' numbers, int `[N]`."""
        return predicted_labels(self.table).to_numpy()

    @property
    def probabilities(self) -> np.ndarray:
        """Float `[N, 7]`."""
        return self.table[PROBABILITIES].to_numpy(dtype=float)


@dataclass(frozen=True)
class Summary:
    """A model in one line."""

    images: int
    correct: int
    low: float
    high: float
    """The 95% interval of the accuracy."""
    macro_f1: float
    worst_emotion: str
    worst_recall: float
    calibration_error: float

    @property
    def accuracy(self) -> float:
        """Share of the images named as labelled."""
        return self.correct / self.images


def confusion(predictions: Predictions) -> np.ndarray:
    """Count images by label (rows) and prediction (columns), int `[7, 7]`."""
    levels = range(len(EMOTIONS))
    return crosstab(predictions.labels, predictions.predicted, levels=(levels, levels)).count


def confusion_table(models: Iterable[Predictions]) -> pd.DataFrame:
    """Return the cells of the models' confusion matrices, one a line.

    Returns:
        `model`, `true`, `predicted`, `images`, and `share` of the images of that label, which
        is empty where there are none.
    """
    rows = []
    for predictions in models:
        matrix = confusion(predictions)
        for label, row in enumerate(matrix):
            for guess, count in enumerate(row):
                share = _ratio(count, row.sum())
                rows.append((predictions.name, EMOTIONS[label], EMOTIONS[guess], int(count), share))
    return pd.DataFrame(rows, columns=["model", "true", "predicted", "images", "share"])


def per_emotion(models: Iterable[Predictions]) -> pd.DataFrame:
    """Return precision, recall and F1 of each emotion, with the counts and intervals behind them.

    Returns:
        `model`, `emotion`, `images` (so labelled), `named` (so by the model), `right`,
        `precision`, `recall`, `f1`, and `…_low`, `…_high` of the first two. What would be
        divided by nothing is empty.
    """
    rows = []
    for predictions in models:
        matrix = confusion(predictions)
        for number, emotion in enumerate(EMOTIONS):
            right = int(matrix[number, number])
            images, named = int(matrix[number].sum()), int(matrix[:, number].sum())
            rows.append(
                (
                    *(predictions.name, emotion, images, named, right),
                    *(_ratio(right, named), *accuracy_interval(right, named)),
                    *(_ratio(right, images), *accuracy_interval(right, images)),
                    _ratio(2 * right, images + named),
                )
            )
    columns = ["model", "emotion", "images", "named", "right"]
    for measure in ("precision", "recall"):
        columns += [measure, f"{measure}_low", f"{measure}_high"]
    return pd.DataFrame(rows, columns=[*columns, "f1"])


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else np.nan


def summarize(predictions: Predictions) -> Summary:
    """Put a model into one line.

    Macro F1 is the mean over the emotions that occur; the worst class is that of the lowest
    recall among those that have images.
    """
    emotions = per_emotion([predictions])
    correct, images = int(emotions["right"].sum()), len(predictions.table)
    worst = emotions.sort_values("recall", kind="stable").iloc[0]
    return Summary(
        images,
        correct,
        *accuracy_interval(correct, images),
        macro_f1=float(emotions["f1"].mean()),
        worst_emotion=str(worst["emotion"]),
        worst_recall=float(worst["recall"]),
        calibration_error=calibration_error(
            reliability(predictions.labels, predictions.probabilities)
        ),
    )


def reliability(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS
) -> pd.DataFrame:
    """Sort predictions into bins of equal width by their confidence (Guo et al. 2017).

    Returns:
        A line for each bin that has images: `low`, `high`, `images`, mean `confidence`, and the
        `accuracy` that should equal it.
    """
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == labels).astype(float)
    edges = np.linspace(0, 1, bins + 1)
    # Rounding may leave a probability a hair above 1.
    means, _, place = binned_statistic(confidence.clip(0, 1), [confidence, right], "mean", edges)
    counts = np.bincount(place - 1, minlength=bins)
    table = pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "images": counts,
            "confidence": means[0],
            "accuracy": means[1],
        }
    )
    return table[table["images"] > 0].reset_index(drop=True)


def calibration_error(bins: pd.DataFrame) -> float:
    """Return the expected calibration error: the mean gap, weighted by the images of a bin."""
    gaps = (bins["accuracy"] - bins["confidence"]).abs()
    return float(np.average(gaps, weights=bins["images"]))


def before_temperature(predictions: Predictions) -> np.ndarray:
    """Return the probabilities as they were at temperature 1, float `[N, 7]`.

    Softmax of logits over T, raised to the power T and scaled to sum to 1, is their softmax.
    """
    assert predictions.temperature is not None
    raised = predictions.probabilities**predictions.temperature
    return raised / raised.sum(axis=1, keepdims=True)


def calibration_table(models: Iterable[Predictions]) -> pd.DataFrame:
    """Return the bins of `reliability` for each model, `when` before and after temperature."""
    tables = []
    for predictions in models:
        after = reliability(predictions.labels, predictions.probabilities)
        tables.append(after.assign(model=predictions.name, when="after"))
        if predictions.temperature is not None:
            before = reliability(predictions.labels, before_temperature(predictions))
            tables.append(before.assign(model=predictions.name, when="before"))
    table = pd.concat(tables, ignore_index=True)
    return table[["model", "when", "low", "high", "images", "confidence", "accuracy"]]


def pareto_front(costs: Sequence[float], gains: Sequence[float]) -> list[bool]:
    """Say of each model whether no other is at least as cheap and as good, and better in one."""
    return [
        not any(
            (other <= cost and gain <= better) and (other < cost or gain < better)
            for other, better in zip(costs, gains, strict=True)
        )
        for cost, gain in zip(costs, gains, strict=True)
    ]


def best_by_emotion(models: Sequence[Predictions], emotion: str) -> list[Predictions]:
    """Return the models by falling recall of an emotion."""
    table = per_emotion(models)
    recalls = table[table["emotion"] == emotion].set_index("model")["recall"]
    return sorted(models, key=lambda predictions: -recalls[predictions.name])


def share_and_recall(counts: Sequence[int], recalls: Sequence[float]) -> tuple[float, float]:
    """Return Spearman's rank correlation of class sizes and recalls, and its p-value."""
    result = spearmanr(counts, recalls)
    return float(result.statistic), float(result.pvalue)
