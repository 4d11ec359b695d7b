"""The models that the page compares: what was measured of each, and how long it takes here."""

import os
from pathlib import Path

import pandas as pd
import streamlit as st

from app.shared import model_folder, offered_models
from fer.artifacts import store
from fer.artifacts.evidence import Evidence
from fer.artifacts.timing import milliseconds_a_face
from fer.compare.metrics import Answers, summarize
from fer.errors import FerError

MEASURED = (
    "not in train", "parameters", "multiply-adds", "MB", "ms a face", "training minutes",
)  # fmt: skip
FILES = ("config.json", "metrics.json", "predictions.parquet", "history.csv")


@st.cache_resource(max_entries=100, show_spinner=False)
def read_evidence(name: str, _folder: Path, stamp: tuple[object, ...]) -> Evidence:
    """Read a model's folder once for all visitors, until one of its files changes."""
    return Evidence.read(name, _folder)


@st.cache_resource
def timings() -> dict[tuple[str, str], float]:
    """Return the milliseconds a face measured since the server started, by `timing_key`."""
    return {}


def timing_key(evidence: Evidence) -> tuple[str, str]:
    """Return what a timing belongs to: a model with its weights as they are now."""
    return evidence.name, str(evidence.report.get("weights_sha256"))


def read_all() -> tuple[dict[str, Evidence], dict[str, str]]:
    """Return the models that can be compared, and the reason for each that cannot."""
    found: dict[str, Evidence] = {}
    reasons: dict[str, str] = {}
    for name in offered_models():
        try:
            folder = model_folder(name)
            paths = [folder / file for file in FILES]
            stamp = tuple(path.stat().st_mtime_ns if path.exists() else None for path in paths)
            found[name] = read_evidence(name, folder, (str(folder), *stamp))
        except FerError as error:
            reasons[name] = without_place(error)
    if not os.environ.get("FER_MODELS"):
        for path in sorted(store.MODELS.glob("*/")):
            if not (path / "config.json").exists() and path.suffix not in (".partial", ".old"):
                reasons[path.name] = f"{path.name} has no config.json."
    return found, reasons


def leaderboard(found: dict[str, Evidence], models: dict[str, Answers]) -> pd.DataFrame:
    """Return a line a model with all that was measured; what was not is empty."""
    lines = []
    for name, evidence in found.items():
        summary, report = summarize(models[name]), evidence.report
        size, seconds = report.get("weights_bytes"), report.get("training", "seconds")
        lines.append(
            {
                "model": name,
                "init": report.get("init"),
                "accuracy": summary.accuracy,
                "low": summary.low,
                "high": summary.high,
                "macro F1": summary.macro_f1,
                "worst recall": summary.worst_recall,
                "worst class": summary.worst_emotion,
                "calibration error": summary.calibration_error,
                "not in train": report.get("splits", "test", "not_in_train", "accuracy"),
                "parameters": report.get("parameters"),
                "multiply-adds": report.get("multiply_adds"),
                "MB": None if size is None else size / 1e6,
                "ms a face": timings().get(timing_key(evidence)),
                "training minutes": None if seconds is None else seconds / 60,
            }
        )
    table = pd.DataFrame(lines).astype(dict.fromkeys(MEASURED, float))  # None where it was not
    return table.sort_values("accuracy", ascending=False, ignore_index=True)


def measure_times(found: dict[str, Evidence]) -> None:
    """Time the models that have not been timed yet, on this machine."""
    progress = st.progress(0.0, "Loading weights …")
    for done, (name, evidence) in enumerate(found.items()):
        progress.progress(done / len(found), f"Timing {name} …")
        if timing_key(evidence) not in timings():
            try:
                timings()[timing_key(evidence)] = milliseconds_a_face(model_folder(name))
            except FerError as error:
                st.toast(without_place(error), icon=":material/timer_off:")
    progress.empty()


def without_place(sentence: object) -> str:
    """Return an error's sentence without where on the server the models lie."""
    return str(sentence).replace(f"{store.MODELS}{os.sep}", "")
