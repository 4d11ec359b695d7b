"""What was measured of a model: `metrics.json`, `predictions.parquet`, `history.csv`.

Reading and checking; `training.evaluate` measures.
"""

import json
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pandas as pd

from fer.emotions import EMOTIONS
from fer.errors import UnknownModel


@dataclass(frozen=True)
class Report:
    """A model's `metrics.json`."""

    metrics: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "Report":
        """Read a model's figures.

        Raises:
            UnknownModel: if there are none, or they are damaged.
        """
        try:
            report = cls(json.loads((folder / "metrics.json").read_text()))
            report.accuracy("test")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnknownModel(f"{folder} has no readable metrics.json: {error}.") from error
        return report

    def accuracy(self, split: str) -> float:
        """Return the accuracy on `validation` or `test`, one view an image."""
        return float(self.metrics["splits"][split]["plain"]["accuracy"])

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(self.metrics["parameters"])

    @property
    def weights_bytes(self) -> int:
        """Size of the weights' files."""
        return int(self.metrics["weights_bytes"])


def read_predictions(folder: Path) -> pd.DataFrame:
    """Read one line a test image: `row`, `label`, and the column `p_…` of each emotion."""
    return pd.read_parquet(folder / "predictions.parquet")


def predicted_labels(predictions: pd.DataFrame) -> pd.Series:
    """Return the most probable emotion's number for each line."""
    return pd.Series(
        predictions[[f"p_{emotion}" for emotion in EMOTIONS]].to_numpy().argmax(axis=1),
        index=predictions.index,
    )


def accuracy_interval(correct: int, images: int, confidence: float = 0.95) -> list[float]:
    """Return the interval that holds the true accuracy with this confidence.

    Wilson's score interval (Wilson 1927), which stays inside 0..1 for any count.
    """
    if images == 0:
        return [0.0, 1.0]
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = correct / images
    centre = share + z * z / (2 * images)
    spread = z * sqrt(share * (1 - share) / images + z * z / (4 * images * images))
    scale = 1 + z * z / images
    return [(centre - spread) / scale, (centre + spread) / scale]
