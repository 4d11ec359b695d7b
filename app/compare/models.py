"""The models that the page compares, and what was measured of each."""

import os
from pathlib import Path

import pandas as pd
import streamlit as st

from app.shared import VARIABLE, find_artifact, offered_models
from fer.artifacts import RIVALS, Artifact, list_models, list_rivals, store
from fer.artifacts.timing import Timing
from fer.compare.metrics import Predictions, summarize
from fer.errors import FerError
from fer.ferplus import Measure

MEASURED = (
    "not in train", "parameters", "multiply-adds", "MB", "ms a face", "training minutes",
)  # fmt: skip
FILES = ("config.json", "metrics.json", "predictions.parquet", "history.csv")


@st.cache_resource(max_entries=100, show_spinner=False)
def read_artifact(name: str, _folder: Path, stamp: tuple[object, ...]) -> Artifact:
    """Read a model's folder once for all visitors, until one of its files changes; check it."""
    artifact = Artifact(_folder, name)
    artifact.check_figures()
    Timing.published(artifact)  # asked here, as it raises of a time that is none
    return artifact


def read_all() -> tuple[dict[str, Artifact], dict[str, str]]:
    """Return the models that can be compared, and the reason for each that cannot."""
    found: dict[str, Artifact] = {}
    reasons: dict[str, str] = {}
    given = os.environ.get(VARIABLE)
    for name in offered_models() if given else [*list_models(), *list_rivals()]:
        try:
            folder = find_artifact(name).path
            paths = [folder / file for file in FILES]
            stamp = tuple(path.stat().st_mtime_ns if path.exists() else None for path in paths)
            found[name] = read_artifact(name, folder, (str(folder), *stamp))
        except FerError as error:
            reasons[name] = without_place(error)
    if not given:
        for path in sorted(store.MODELS.glob("*/")):
            known = (path / "config.json").exists() or path.name == RIVALS
            if not known and path.suffix not in store.UNFINISHED:
                reasons[path.name] = f"{path.name} has no config.json."
    return found, reasons


def read_histories(
    found: dict[str, Artifact],
) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Return the epochs of the models, and the reason for each whose epochs cannot be read."""
    histories: dict[str, pd.DataFrame] = {}
    reasons: dict[str, str] = {}
    for name, artifact in found.items():
        try:
            histories[name] = artifact.history
        except FerError as error:
            reasons[name] = without_place(error)
    return histories, reasons


def leaderboard(
    found: dict[str, Artifact], models: dict[str, Predictions], measure: Measure
) -> pd.DataFrame:
    """Return a line a model with all that was measured; what was not is empty."""
    lines = []
    votes = ("votes",) if measure == "votes" else ()
    for name, predictions in models.items():
        artifact, summary = found[name], summarize(predictions)
        timing = Timing.published(artifact)
        size, seconds = artifact.get("weights_bytes"), artifact.get("training", "seconds")
        lines.append(
            {
                "model": name,
                "init": artifact.get("init"),
                "accuracy": summary.accuracy,
                "low": summary.low,
                "high": summary.high,
                "macro F1": summary.macro_f1,
                "worst recall": summary.worst_recall,
                "worst class": summary.worst_emotion,
                "calibration error": summary.calibration_error,
                "not in train": artifact.get("splits", "test", *votes, "not_in_train", "accuracy"),
                "parameters": artifact.get("parameters"),
                "multiply-adds": artifact.get("multiply_adds"),
                "MB": None if size is None else size / 1e6,
                "ms a face": None if timing is None else timing.milliseconds,
                "training minutes": None if seconds is None else seconds / 60,
            }
        )
    table = pd.DataFrame(lines).astype(dict.fromkeys(MEASURED, float))  # None where it was not
    return table.sort_values("accuracy", ascending=False, ignore_index=True)


def by_label(found: dict[str, Artifact]) -> pd.DataFrame:
    """Return `model`, `init` and test `accuracy` by FER-2013's label of this project's models."""
    lines = [
        (name, item.get("init"), item.accuracy("test"))
        for name, item in found.items()
        if not item.source
    ]
    return pd.DataFrame(lines, columns=["model", "init", "accuracy"])


def without_place(sentence: object) -> str:
    """Return an error's sentence without where on the server the models lie."""
    return str(sentence).replace(f"{store.MODELS}{os.sep}", "")
