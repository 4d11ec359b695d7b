"""When models break: accuracy on disturbed images beside that on undisturbed ones."""

from collections.abc import Mapping

import pandas as pd

from fer.artifacts.report import accuracy_interval
from fer.artifacts.robustness import Robustness
from fer.ferplus import Measure


def severity_table(measured: Mapping[str, Robustness], measure: Measure) -> pd.DataFrame:
    """Return accuracy by corruption and strength.

    Args:
        measured: by model; those that were not measured by this measure are left out.

    Returns:
        `model`, `corruption`, `severity` (0 is undisturbed, once for each corruption), `images`,
        `right`, `accuracy` and its 95% interval `low` and `high`.
    """
    lines = []
    for model, found in measured.items():
        if not found.images.get(measure):
            continue
        images = found.images[measure]
        for corruption, counts in found.corrupted[measure].items():
            for severity, right in enumerate([found.clean[measure], *counts]):
                interval = accuracy_interval(right, images)
                lines.append(
                    (model, corruption, severity, images, right, right / images, *interval)
                )
    columns = ["model", "corruption", "severity", "images", "right", "accuracy", "low", "high"]
    return pd.DataFrame(lines, columns=columns)


def mean_accuracy(table: pd.DataFrame) -> pd.DataFrame:
    """Return how much of its accuracy each model keeps under each corruption.

    Args:
        table: as `severity_table` returns it.

    Returns:
        `model`, `corruption`, `clean` accuracy, `disturbed`, the mean over the strengths, and
        `kept`, the latter's share of the former.
    """
    keys = ["model", "corruption"]
    clean = table[table["severity"] == 0].set_index(keys)["accuracy"]
    disturbed = table[table["severity"] > 0].groupby(keys, sort=False)["accuracy"].mean()
    joined = pd.DataFrame({"clean": clean, "disturbed": disturbed})
    return joined.assign(kept=joined["disturbed"] / joined["clean"]).reset_index()
