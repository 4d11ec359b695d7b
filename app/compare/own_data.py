"""The comparison page's last view: the same figures for a visitor's own labelled photos."""

import pandas as pd
import streamlit as st

from app.compare.by_groups import by_groups
from app.compare.head_to_head import head_to_head
from app.compare.images import numbers
from app.compare.trust import trust
from app.compare.views import calibration, confusion, per_class
from app.figures.comparison import model_colours
from app.shared import plain
from fer.compare.metrics import summarize
from fer.compare.own_labels import Labelled, match
from fer.errors import FerError
from fer.wording import counted

VIEWS = ("Confusion", "Per emotion", "By group", "When to trust it", "Calibration", "Head to head")
ENDINGS = ["csv", "tsv", "txt"]
"""Of tables whose cells any of `fer.compare.tables.SEPARATORS` keeps apart."""
NAMED = 20  # left-out photos named on the page; the CSV has all


def own_data() -> None:
    """Take the batch scorer's tables and true labels, and show how the models do on them."""
    left, right = st.columns(2)
    scores = left.file_uploader(
        "CSV from the batch scorer",
        type=ENDINGS,
        accept_multiple_files=True,
        key="own_scores",
        help="What `fer score` or the batch page writes; one for each model to compare.",
    )
    labels = right.file_uploader(
        "CSV of true labels",
        type=ENDINGS,
        key="own_labels",
        help="Columns path and label, and face where photos show several. Any further column may "
        "name groups: light, camera, age band, whatever you know of the photos.",
    )
    if not scores and labels is None and (labelled := st.session_state.get("labelled")):
        table, truth = labelled.files()
        scores, labels = [table], truth
        st.info(
            f"Shown are the faces of {plain(labelled.name)} that you labelled on the batch page.",
            icon=":material/label:",
        )
    if not scores or labels is None:
        st.info(
            "Score your photos with the batch page or `fer score FOLDER --output scores.csv`, and "
            "write a CSV with the columns `path` and `label` (one of the seven emotions).",
            icon=":material/upload_file:",
        )
        return
    try:
        found = match(scores, labels)
    except FerError as error:
        st.error(str(error), icon=":material/error:")
        return
    show_left_out(found)
    lines = []
    for predictions in found.models:
        summary = summarize(predictions)
        lines.append(
            {
                "model": predictions.name,
                "faces": summary.images,
                "accuracy": summary.accuracy,
                "low": summary.low,
                "high": summary.high,
                "macro F1": summary.macro_f1,
                "worst class": summary.worst_emotion,
                "calibration error": summary.calibration_error,
            }
        )
    table = pd.DataFrame(lines)
    percent = st.column_config.NumberColumn(format="percent")
    three = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        table,
        hide_index=True,
        column_config=dict.fromkeys(("accuracy", "low", "high"), percent)
        | dict.fromkeys(("macro F1", "calibration error"), three),
        alt="Each model on your photos",
    )
    numbers(table, "own-summary")
    view = st.segmented_control(
        "Figures",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="own_view",
        bind="query-params",
    )
    colours = model_colours([predictions.name for predictions in found.models])
    if view == "Confusion":
        confusion(found.models, "own-")
    elif view == "Per emotion":
        per_class(found.models, colours, place="own-")
    elif view == "By group":
        by_groups(found, "own-")
    elif view == "When to trust it":
        trust(found.models, {}, colours, "own-")
    elif view == "Calibration":
        calibration(found.models, colours, "own-")
    else:
        head_to_head(found.models, [], colours, "own-")


def show_left_out(found: Labelled) -> None:
    """Count and name the photos that could not be compared."""
    if not found.left_out:
        return
    count = len({path for paths in found.left_out.values() for path in paths})
    photos = counted(count, "photo is", "photos are")
    st.warning(f"{photos} left out, in whole or in part:", icon=":material/rule:")
    for reason, paths in found.left_out.items():
        st.text(
            f"{len(paths):,} × {reason}: {', '.join(paths[:NAMED])}"
            + (" …" if len(paths) > NAMED else "")
        )
    table = pd.DataFrame(
        [(path, reason) for reason, paths in found.left_out.items() for path in paths],
        columns=["path", "reason"],
    )
    numbers(table, "own-left-out")
