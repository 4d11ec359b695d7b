"""A model's folder without its weights: config, figures, answers and history, checked."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fer.artifacts.report import Report, predicted_labels, read_history, read_predictions
from fer.artifacts.store import read_config
from fer.errors import UnknownModel


@dataclass(frozen=True)
class Evidence:
    """A model's figures and the answers behind them; its weights are not touched."""

    name: str
    temperature: float
    """That the probabilities were divided by, as logits."""
    report: Report
    predictions: pd.DataFrame
    """As `read_predictions` returns it."""
    history: pd.DataFrame | None
    """As `read_history` returns it; `None` where it is missing or damaged."""
    remarks: tuple[str, ...] = ()
    """What is missing of the folder but keeps nothing else from being shown."""

    @classmethod
    def read(cls, name: str, folder: Path) -> "Evidence":
        """Read a model's folder but for its weights.

        Raises:
            UnknownModel: if `config.json`, `metrics.json` or `predictions.parquet` is missing or
                damaged, or the two latter contradict each other.
        """
        config = read_config(folder)
        report = Report.read(folder)
        predictions = read_predictions(folder)
        right = int((predicted_labels(predictions) == predictions["label"]).sum())
        stated = (
            report.get("splits", "test", "plain", "correct"),
            report.get("splits", "test", "plain", "images"),
        )
        if stated != (right, len(predictions)):
            raise UnknownModel(
                f"{folder / 'predictions.parquet'} has {right} of {len(predictions)} test images "
                f"right, metrics.json states {stated[0]} of {stated[1]}."
            )
        history, remarks = None, []
        try:
            history = read_history(folder)
        except UnknownModel as error:
            remarks.append(str(error))
        return cls(name, config.temperature, report, predictions, history, tuple(remarks))
