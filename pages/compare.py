"""The models side by side: which to trust, for what, whether that is chance, what it costs.

Everything shown is read from the models' folders; weights are loaded only to time them.
"""

import os
from pathlib import Path

import pandas as pd
import streamlit as st

from app.compare.board import pick_models, show_answers, show_leaderboard, show_references
from app.compare.head_to_head import head_to_head
from app.compare.images import numbers
from app.compare.own_data import own_data
from app.compare.views import (
    calibration,
    confusion,
    cost,
    learning,
    per_class,
)
from app.figures.comparison import model_colours
from app.routing import by_way_of_the_router
from app.shared import model_folder, offered_models
from fer.artifacts import store
from fer.artifacts.evidence import Evidence
from fer.artifacts.timing import milliseconds_a_face
from fer.compare.metrics import Answers, summarize
from fer.errors import FerError

VIEWS = (
    "Confusion", "Per emotion", "Calibration", "Cost", "Learning curves", "Head to head",
    "Your own data",
)  # fmt: skip
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


by_way_of_the_router()
st.title("Which model to trust, and for what")
found, reasons = read_all()
for name, reason in reasons.items():
    st.warning(f"**{name}** is left out. {reason}", icon=":material/broken_image:")
for name, evidence in found.items():
    for remark in evidence.remarks:
        st.warning(
            f"**{name}** is shown in part. {without_place(remark)}", icon=":material/broken_image:"
        )
if not found:
    st.info("There is no model to compare yet: `python -m training train cnn --data DIR`.")
    st.stop()
models = {
    name: Answers(name, evidence.predictions, evidence.temperature)
    for name, evidence in found.items()
}
colours = model_colours(list(models))
table = leaderboard(found, models)
ranked = table["model"].tolist()

show_answers(table, models)

st.subheader("Leaderboard")
board = st.container()
chosen_names = st.pills(
    "Compare",
    ranked,
    selection_mode="multi",
    default=ranked[:2],
    key="models",
    bind="query-params",
    on_change=pick_models,
    args=(ranked,),
    help="The same as the rows selected in the table.",
)
with board:
    show_leaderboard(table)
with st.container(horizontal=True):
    if st.button("Time them on this machine", icon=":material/timer:", key="time"):
        measure_times(found)
        st.rerun()
    numbers(table, "leaderboard")
show_references()

chosen = [models[name] for name in ranked if name in (chosen_names or [])]
if not chosen:
    st.info("Choose a model above.", icon=":material/touch_app:")
    st.stop()
view = st.segmented_control(
    "View",
    VIEWS,
    default=VIEWS[0],
    required=True,
    key="view",
    bind="query-params",
    label_visibility="collapsed",
)
details = [found[answers.name] for answers in chosen]
if view == "Confusion":
    confusion(chosen)
elif view == "Per emotion":
    per_class(chosen, colours, [item.report for item in details])
elif view == "Calibration":
    calibration(chosen, colours)
elif view == "Cost":
    cost(table, colours)
elif view == "Learning curves":
    learning(details, colours)
elif view == "Head to head":
    head_to_head(list(models.values()), [answers.name for answers in chosen], colours)
else:
    own_data()
