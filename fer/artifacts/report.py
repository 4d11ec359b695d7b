"""What was measured of a model: `metrics.json`, `predictions.parquet`, `history.csv`.

Reading and checking; `training.evaluate` measures, `fer.compare.metrics` compares.
"""

import json
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from fer.emotions import EMOTIONS
from fer.errors import UnknownModel

PROBABILITIES = [f"p_{emotion}" for emotion in EMOTIONS]
"""The columns of `predictions.parquet` that hold the emotions' probabilities."""


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

    def get(self, *keys: str) -> Any:
        """Return a figure by its path in `metrics.json`, or `None` where it was not measured.

        >>> Report({"training": {"seconds": 12.5}}).get("training", "seconds")
        12.5
        """
        value: Any = self.metrics
        for key in keys:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value


def read_predictions(folder: Path) -> pd.DataFrame:
    """Read one line a test image: `row`, `label`, and the column `p_…` of each emotion.

    Raises:
        UnknownModel: if the file is missing, damaged or not such a table.
    """
    path = folder / "predictions.parquet"
    try:
        table = pd.read_parquet(path, columns=["row", "label", *PROBABILITIES])
        probabilities = table[PROBABILITIES].to_numpy(dtype=float)
        labels = table["label"].to_numpy(dtype=int)
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UnknownModel(f"{path} cannot be read: {reason}.") from error
    if not len(table):
        problem = "is empty"
    elif table["row"].duplicated().any():
        problem = "names a row twice"
    elif not np.isin(labels, range(len(EMOTIONS))).all():
        problem = f"has labels outside 0 to {len(EMOTIONS) - 1}"
    elif not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3) or (probabilities < 0).any():
        problem = "has probabilities that do not sum to 1"
    else:
        return table
    raise UnknownModel(f"{path} {problem}.")


def read_history(folder: Path) -> pd.DataFrame:
    """Read one line an epoch: `epoch` and `train_…`, `validation_…` with `loss` and `accuracy`.

    Raises:
        UnknownModel: if the file is missing, damaged or has no such columns.
    """
    path = folder / "history.csv"
    try:
        table = pd.read_csv(path)
        return table.astype({"epoch": int, "train_loss": float, "validation_accuracy": float})
    except OSError as error:
        raise UnknownModel(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError) as error:  # pandas' own errors are ValueErrors
        reason = str(error).splitlines()[0]
        raise UnknownModel(f"{path} cannot be read: {reason}.") from error


def predicted_labels(predictions: pd.DataFrame) -> pd.Series:
    """Return the most probable emotion's number for each line."""
    return pd.Series(predictions[PROBABILITIES].to_numpy().argmax(axis=1), index=predictions.index)


def accuracy_interval(correct: int, images: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval that holds the true accuracy with this confidence.

    Wilson's score interval (Wilson 1927), which stays inside 0..1 for any count.
    """
    if images == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = correct / images
    centre = share + z * z / (2 * images)
    spread = z * sqrt(share * (1 - share) / images + z * z / (4 * images * images))
    scale = 1 + z * z / images
    return (centre - spread) / scale, (centre + spread) / scale
