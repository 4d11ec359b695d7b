"""What was measured of a model: `predictions.parquet`, `history.csv`, and what follows from them.

Reading and checking; `training.evaluate` measures, `fer.compare.metrics` compares.
"""

from math import sqrt
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fer.columns import PROBABILITIES
from fer.emotions import EMOTIONS
from fer.errors import UnknownModel, first_line
from fer.ferplus import ANSWERS, are_counts, majority

CALIBRATION_BINS = 15
"""Of equal width, into which answers are sorted by their confidence to measure calibration."""
VOTES = "ferplus_votes"
"""The column that holds the FER+ votes, as in the data; folders of before them have none."""


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a model's `predictions.parquet`, which has one line a test image.

    Returns:
        `row`, `label` and the column `p_…` of each emotion; where the file knows the FER+ votes
        also `ferplus_votes`, ten counts in the order of `fer.ferplus.ANSWERS`, and `majority`, the
        emotion's number or `NO_MAJORITY`.

    Raises:
        UnknownModel: if the file is missing, damaged or not such a table.
    """
    columns = ["row", "label", *PROBABILITIES]
    try:
        voted = VOTES in pq.read_schema(path).names
        table = pd.read_parquet(path, columns=[*columns, *([VOTES] if voted else [])])
        probabilities = table[PROBABILITIES].to_numpy(dtype=float)
        votes = np.array(table[VOTES].tolist()) if voted else None
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
        raise UnknownModel(f"{path} cannot be read: {first_line(error)}.") from error
    if not len(table):
        problem = "is empty"
    elif table["row"].duplicated().any():
        problem = "names a row twice"
    elif not np.isin(table["label"], range(len(EMOTIONS))).all():
        problem = f"has labels outside 0 to {len(EMOTIONS) - 1}"
    elif not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3) or (probabilities < 0).any():
        problem = "has probabilities that do not sum to 1"
    elif votes is None:
        return table
    elif votes.shape != (len(table), len(ANSWERS)) or not are_counts(votes).all():
        problem = f"has votes that are not {len(ANSWERS)} counts an image"
    else:
        return table.assign(majority=majority(votes))
    raise UnknownModel(f"{path} {problem}.")


def read_history(path: Path) -> pd.DataFrame:
    """Read a model's `history.csv`, which has one line an epoch.

    Returns:
        `epoch`, and `train_…`, `validation_…` with `loss` and `accuracy`.

    Raises:
        UnknownModel: if the file is missing, damaged or has no such columns.
    """
    try:
        table = pd.read_csv(path)
        # Int64 refuses what int would cut to a whole number.
        table = table.astype({"epoch": "Int64", "train_loss": float, "validation_accuracy": float})
        return table.astype({"epoch": int})
    except OSError as error:
        raise UnknownModel(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:  # pandas' own errors are ValueErrors
        raise UnknownModel(f"{path} cannot be read: {first_line(error)}.") from error


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
