"""Check what the comparison page shows against figures recomputed from `predictions.parquet`.

    python -m tools.check_dashboard

Opens the page without a browser, on all models there are, reads the numbers out of its tables
and drawn figures, and computes them again another way: torchmetrics and pandas on the bare
predictions, where the page uses scipy. Prints what was compared and the page's short answer; ends
with status 1 at the first difference.
"""

import json
import sys
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest
from streamlit.testing.v1 import AppTest
from torchmetrics.functional.classification import (
    multiclass_calibration_error,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

from fer.artifacts import MODELS, Artifact
from fer.emotions import EMOTIONS

APP = MODELS.parent / "streamlit_app.py"
TIMEOUT = 180  # seconds; the first run imports torch


def open_page(models: list[str], view: str, **choices: str) -> AppTest:
    """Open the comparison page at an address, as a browser would."""
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT).run()
    app.query_params.update({"models": models, "view": view, **choices})
    app.switch_page("pages/compare.py").run()
    assert not app.exception, app.exception
    return app


def drawn(app: AppTest, name: str) -> list[dict[str, Any]]:
    """Return the traces of one of the page's figures."""
    (chart,) = [chart for chart in app.get("plotly_chart") if chart.key == name]
    return json.loads(chart.proto.spec)["data"]


def same(what: str, shown: Any, computed: Any, tolerance: float = 1e-6) -> None:
    """Compare; say so, or stop."""
    shown, computed = np.asarray(shown, dtype=float), np.asarray(computed, dtype=float)
    if shown.shape != computed.shape or not np.allclose(shown, computed, atol=tolerance, rtol=0):
        sys.exit(f"{what}: the page shows {shown}, recomputed is {computed}")
    print(f"  {what}: {shown.size} numbers agree")


class Recomputed:
    """One model's figures, from its predictions alone."""

    def __init__(self, name: str) -> None:
        artifact = Artifact.find(name)
        table = pd.read_parquet(artifact.path / "predictions.parquet")
        self.temperature = artifact.config.temperature
        self.row = table["row"].to_numpy()
        self.labels = torch.tensor(table["label"].to_numpy())
        columns = [f"p_{emotion}" for emotion in EMOTIONS]
        self.probabilities = torch.tensor(table[columns].to_numpy(), dtype=torch.float64)
        self.right = (self.probabilities.argmax(1) == self.labels).numpy()

    def each(self, metric: Any) -> np.ndarray:
        """Return a torchmetrics function's value for each emotion."""
        return metric(self.probabilities, self.labels, num_classes=7, average="none").numpy()

    def calibration_error(self, probabilities: torch.Tensor) -> float:
        """Return torchmetrics' expected calibration error over fifteen bins."""
        return multiclass_calibration_error(
            probabilities, self.labels, num_classes=7, n_bins=15
        ).item()

    def before(self) -> torch.Tensor:
        """Return the probabilities at temperature 1, by way of the logits."""
        return (self.probabilities.clamp(min=1e-38).log() * self.temperature).softmax(1)


def check_leaderboard(app: AppTest, models: dict[str, Recomputed]) -> None:
    """Check accuracy, interval, macro F1, worst class and calibration error of each model."""
    board = app.dataframe[0].value.set_index("model")
    for name, model in models.items():
        low, high = binomtest(int(model.right.sum()), len(model.right)).proportion_ci(
            method="wilson"
        )
        f1, recall = model.each(multiclass_f1_score), model.each(multiclass_recall)
        shown = board.loc[name]
        numbers = ["accuracy", "low", "high", "macro F1", "worst recall", "calibration error"]
        computed = [model.right.mean(), low, high, f1.mean(), recall.min()]
        computed.append(model.calibration_error(model.probabilities))
        same(f"leaderboard of {name}", shown[numbers], computed, 1e-5)
        assert shown["worst class"] == EMOTIONS[int(recall.argmin())]


def check_views(models: dict[str, Recomputed]) -> None:
    """Check the figures of each view."""
    names = list(models)
    counts = open_page(names, "Confusion", cells="Counts")
    shares = open_page(names, "Confusion", cells="Share of the row")
    bars = open_page(names, "Per emotion")
    reliability = open_page(names, "Calibration")
    measures = {
        "recall": multiclass_recall,
        "precision": multiclass_precision,
        "f1": multiclass_f1_score,
    }
    for name, model in models.items():
        matrix = pd.crosstab(model.labels.numpy(), model.probabilities.argmax(1).numpy()).to_numpy()
        same(f"confusion of {name}", drawn(counts, f"confusion-{name}")[0]["z"], matrix)
        normalised = matrix / matrix.sum(axis=1, keepdims=True)
        same(f"its shares of {name}", drawn(shares, f"confusion-{name}")[0]["z"], normalised)
        for measure, metric in measures.items():
            (trace,) = [t for t in drawn(bars, measure) if t["name"] == name]
            same(f"{measure} of {name}", trace["y"], model.each(metric), 1e-5)
        traces = drawn(reliability, f"calibration-{name}")
        for when, probabilities in (("after", model.probabilities), ("before", model.before())):
            line, counted = [t for t in traces if t["name"] == f"{when} temperature"]
            # The bins carry all that is needed for the error; the axis says where they lie.
            gaps = np.abs(np.array(line["x"]) - np.array(line["y"]))
            error = np.average(gaps, weights=counted["y"])
            same(f"calibration error of {name} {when} temperature",
                 error, model.calibration_error(probabilities), 1e-5)  # fmt: skip
            assert sum(counted["y"]) == len(model.labels)


def check_duel(first: str, second: str, models: dict[str, Recomputed]) -> None:
    """Check McNemar's test and the counts behind it, over all images and by emotion."""
    app = open_page([first, second], "Head to head", first=first, second=second)
    a, b = models[first], models[second]
    assert (a.row == b.row).all()
    parts = [a.right & b.right, a.right & ~b.right, ~a.right & b.right, ~a.right & ~b.right]
    shown = [trace["x"][0] for trace in drawn(app, "duel")]
    same(f"{first} against {second}", shown, [part.sum() for part in parts])
    p_value = binomtest(int(parts[1].sum()), int((parts[1] | parts[2]).sum())).pvalue
    (sentence,) = [text.value for text in app.markdown if "They name the same" in text.value]
    verdict = "could be chance" if p_value >= 0.05 else "is unlikely to be chance"
    if parts[1].sum() != parts[2].sum():
        assert verdict in sentence, (sentence, p_value)
    print(f"  {sentence}")


def check_cost(app: AppTest, models: dict[str, Recomputed]) -> None:
    """Check that each point of the cost figure lies where metrics.json and the answers put it."""
    for name, model in models.items():
        metrics = Artifact.find(name).metrics
        (point,) = [t for t in drawn(app, "cost-multiply-adds") if t["name"] == name]
        same(f"cost of {name}", [point["x"][0], point["y"][0]],
             [metrics["multiply_adds"], model.right.mean()])  # fmt: skip


def check_curves(app: AppTest, names: list[str]) -> None:
    """Check that the learning curves are those of history.csv."""
    for name in names:
        history = pd.read_csv(Artifact.find(name).path / "history.csv")
        curves = [
            t["y"] for t in drawn(app, "learning-accuracy") if t["name"] == f"{name}, validation"
        ]
        # An ensemble learnt nothing itself.
        assert len(curves) == (1 if len(history) else 0), name
        for curve in curves:
            same(f"learning curve of {name}", curve, history["validation_accuracy"])


def main() -> None:
    """Check all views on all models that the page lists."""
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT).run()
    app.switch_page("pages/compare.py").run()
    names = app.dataframe[0].value["model"].tolist()
    models = {name: Recomputed(name) for name in names}
    print(f"{len(names)} models: {', '.join(names)}")
    check_leaderboard(app, models)
    check_views(models)
    check_cost(open_page(names, "Cost"), models)
    check_curves(open_page(names, "Learning curves"), names)
    if len(names) > 1:
        check_duel(names[0], names[1], models)
    print("The page's short answer:")
    for metric in app.metric:
        print(f"  {metric.label}: {metric.value}")
    for text in app.markdown[:4]:
        print(f"  {text.value}")


if __name__ == "__main__":
    main()
