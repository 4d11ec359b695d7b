"""Two models on the same images: McNemar's exact test, and the images behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from fer.columns import PROBABILITIES
from fer.compare.metrics import Predictions
from fer.emotions import EMOTIONS

CHANCE = 0.05
"""A difference that chance gives at least this often is called possible chance."""


@dataclass(frozen=True)
class PairedComparison:
    """Two models on the same images, counted by which of them is right."""

    first: str
    second: str
    both: int
    only_first: int
    only_second: int
    neither: int
    agree: int
    """Images that both name the same, right or wrong."""
    p_value: float
    """McNemar's exact test: how often chance alone would split the images that only one of the
    two gets right at least this unevenly."""

    @property
    def images(self) -> int:
        """How many there are."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def by_chance(self) -> bool:
        """Whether the difference could be chance."""
        return self.p_value >= CHANCE

    @property
    def sentence(self) -> str:
        """The test's result in plain words."""
        lead = self.only_first - self.only_second
        if not lead:
            return f"{self.first} and {self.second} are right equally often."
        better, worse = (self.first, self.second) if lead > 0 else (self.second, self.first)
        verdict = "could be chance" if self.by_chance else "is unlikely to be chance"
        return (
            f"{better} is right on {abs(lead):,} more of {self.images:,} images than {worse}: "
            f"the difference {verdict}, {p_text(self.p_value)}."
        )


def p_text(p_value: float) -> str:
    """Put a p-value into words that no line break parts.

    >>> p_text(0.3123), p_text(0.00004)
    ('p\\xa0=\\xa00.31', 'p\\xa0<\\xa00.001')
    """
    text = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def paired_comparison(
    first: Predictions, second: Predictions, emotion: str | None = None
) -> PairedComparison:
    """Compare two models on the images for which both have a prediction.

    Args:
        emotion: only the images with this label.
    """
    pairs = paired(first, second)
    if emotion is not None:
        pairs = pairs[pairs["label"] == EMOTIONS.index(emotion)]
    right, other = pairs["right_first"], pairs["right_second"]
    only_first, only_second = int((right & ~other).sum()), int((~right & other).sum())
    decided = only_first + only_second
    return PairedComparison(
        first.name,
        second.name,
        both=int((right & other).sum()),
        only_first=only_first,
        only_second=only_second,
        neither=int((~right & ~other).sum()),
        agree=int((pairs["predicted_first"] == pairs["predicted_second"]).sum()),
        p_value=float(binomtest(only_first, decided).pvalue) if decided else 1.0,
    )


def paired(first: Predictions, second: Predictions) -> pd.DataFrame:
    """Join two models' predictions by `row`: `label`, `predicted_…`, `confidence_…`, `right_…`."""
    sides = [
        predictions.table[["row", "label"]].assign(
            predicted=predictions.predicted,
            confidence=predictions.probabilities.max(axis=1),
            right=predictions.predicted == predictions.labels,
        )
        for predictions in (first, second)
    ]
    return sides[0].merge(sides[1], on=["row", "label"], suffixes=("_first", "_second"))


def listing(models: Sequence[Predictions], rows: Sequence[object]) -> pd.DataFrame:
    """List images with every model's prediction.

    Returns:
        In the order of `rows`: `row`, `true`, and for each model `<name>: named`, `<name>:
        confidence` and `<name>: p_…`; empty where a model has no prediction.
    """
    images = pd.Index(list(rows), name="row")
    columns: dict[str, object] = {"row": images.to_numpy()}
    for predictions in models:
        table = predictions.table.set_index("row").reindex(images)
        known = table["label"].notna().to_numpy()
        columns.setdefault("true", _names(table["label"].to_numpy(), known))
        probabilities = table[PROBABILITIES].to_numpy(dtype=float)
        named = np.where(known[:, None], probabilities, 0).argmax(axis=1)
        columns[f"{predictions.name}: named"] = _names(named, known)
        columns[f"{predictions.name}: confidence"] = probabilities.max(axis=1)
        for column, values in zip(PROBABILITIES, probabilities.T, strict=True):
            columns[f"{predictions.name}: {column}"] = values
    return pd.DataFrame(columns)


def _names(numbers: np.ndarray, known: np.ndarray) -> list[str | None]:
    return [
        EMOTIONS[int(number)] if there else None
        for number, there in zip(numbers, known, strict=True)
    ]


def cell_rows(predictions: Predictions, true: str, predicted: str) -> list[object]:
    """Return the images in a cell of a model's confusion matrix, the most confident first."""
    inside = (predictions.labels == EMOTIONS.index(true)) & (
        predictions.predicted == EMOTIONS.index(predicted)
    )
    order = np.argsort(-predictions.probabilities.max(axis=1)[inside], kind="stable")
    return predictions.table["row"].to_numpy()[inside][order].tolist()


def only_right(first: Predictions, second: Predictions, emotion: str | None = None) -> list[object]:
    """Return the images that only the first gets right, where the second is surest first."""
    pairs = paired(first, second)
    if emotion is not None:
        pairs = pairs[pairs["label"] == EMOTIONS.index(emotion)]
    pairs = pairs[pairs["right_first"] & ~pairs["right_second"]]
    return pairs.sort_values("confidence_second", ascending=False, kind="stable")["row"].tolist()
