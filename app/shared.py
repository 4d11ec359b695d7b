"""What the pages share: the models, loaded once for all visitors, and the table of rows."""

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import cast

import pandas as pd
import pyarrow as pa
import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.typing import UploadedFile

from app.server.jobs import to_pandas
from fer.artifacts import Artifact, list_models, local_folders
from fer.columns import PROBABILITIES
from fer.emotions import COLOURS
from fer.errors import FerError
from fer.faces.detection import Detector
from fer.ferplus import Measure
from fer.recognizer import Recognizer

VARIABLE = "FER_MODELS"
"""Names of the models to offer, folders or Hub ids, separated by commas; `models/` when unset."""


def offered_models() -> list[str]:
    """Return the models that the app offers, the first choice first."""
    names = [name.strip() for name in os.environ.get(VARIABLE, "").split(",")]
    return list(dict.fromkeys(filter(None, names))) or list_models()


def find_artifact(name: str) -> Artifact:
    """Return a model; one on the Hub is downloaded first, and the page shows how far.

    Raises:
        FerError: if it cannot be had; the next call tries again.
    """
    if local_folders(name):
        return Artifact.find(name)
    downloaded = _downloaded()
    if name not in downloaded:
        downloaded[name] = _download(name)
    return downloaded[name]


@st.cache_resource
def _downloaded() -> dict[str, Artifact]:
    """Return the models that this server took from the Hub; a restart looks for newer ones."""
    return {}


def _download(name: str) -> Artifact:
    bar = st.progress(0.0, f"Fetching {name} …")
    so_far = (0, 0)

    def note(done: int, there: int) -> None:
        nonlocal so_far
        so_far = (done, there)

    # In a thread of its own, because only the page's may draw. A visitor who leaves does not
    # wait for it: it goes on, and what it fetched is in the cache.
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        work = pool.submit(Artifact.find, name, progress=note)
        while not wait([work], timeout=0.3).done:
            done, there = so_far
            if there:
                text = f"Fetching {name}: {done / 1e6:.1f} of {there / 1e6:.1f} MB"
                bar.progress(min(done / there, 1.0), text)
        return work.result()
    finally:
        pool.shutdown(wait=False)
        bar.empty()


@st.cache_resource(show_spinner="Loading the face detector …")
def load_detector() -> Detector:
    """Load the detector that all models share."""
    return Detector()


@st.cache_resource(show_spinner="Loading the model …")
def load_recognizer(model: str) -> Recognizer:
    """Load a model; a second visitor gets the same one at once.

    Raises:
        FerError: if it cannot be had or is damaged.
    """
    found = _downloaded().get(model, model)
    return Recognizer.from_pretrained(found, detector=load_detector())


def pick_model() -> str:
    """Show the model picker and return the chosen model's name, once its files are there.

    A model that cannot be had is a sentence below the picker; the others are still offered. The
    choice goes with the visitor from page to page, and stands in the address by the model's name.
    """
    names = [name for name in offered_models() if _can_answer(name)]
    if not names:
        st.error("There are no models in `models/`: train one with `python -m training train cnn`.")
        st.stop()
    if st.session_state.get("model") not in names:
        # Addresses of older versions hold what the picker says of the model as well.
        asked = st.query_params.get("model", "").partition(" · ")[0]
        st.session_state.model = asked if asked in names else names[0]
    name = st.selectbox(
        "Model",
        names,
        format_func=_describe,
        key="model",
        persist_state="session",
        help="How many of FER-2013's test images it names as most of ten people do (by votes), or "
        "as FER-2013's own label does (by label).",
    )
    if name == names[0]:
        st.query_params.pop("model", None)
    else:
        st.query_params["model"] = name
    return with_files(name)


def with_files(name: str) -> str:
    """Return a model's name once its files are there; if they cannot be had, the page ends."""
    try:
        artifact = find_artifact(name)
        if not local_folders(name):
            st.caption(f"From the Hugging Face Hub; right on {_how_good(artifact)}.")
        elif purpose := artifact.config.purpose:
            st.caption(plain(f"{purpose[0].upper()}{purpose[1:]}."))
    except FerError as error:
        st.error(str(error), icon=":material/cloud_off:")
        st.stop()
    return name


def _can_answer(name: str) -> bool:
    """Say whether to offer a model: not one of which only the figures are here."""
    try:
        return not local_folders(name) or Artifact.find(name).has_weights
    except FerError:
        return True  # choosing it says what is wrong


def pick_second_model(first: str) -> str | None:
    """Show the picker of a second model to compare with, and return what is chosen."""
    names = [name for name in offered_models() if name != first and _can_answer(name)]
    if not names:
        return None
    name = st.selectbox(
        "Second opinion",
        names,
        index=None,
        placeholder="None",
        format_func=_describe,
        key="second_model",
        persist_state="session",
        help="Another model's answer beside the first one's.",
    )
    return with_files(name) if name else None


def _describe(name: str) -> str:
    """Say of a model what has room in a line on a phone."""
    if not local_folders(name):
        return name  # a Hub id: asking the Hub about each would hold up the page
    try:
        return f"{name} · {_how_good(Artifact.find(name))}"
    except FerError:
        return f"{name} · not measured"


def _how_good(artifact: Artifact) -> str:
    """Say how often a model is right on test images, by the votes where they are known."""
    measure: Measure = "votes" if "votes" in artifact.measures else "label"
    return f"{artifact.accuracy('test', measure):.1%} by {measure}"


def show_rows(rows: pd.DataFrame, alt: str) -> None:
    """Show the scorer's rows, without what is the same in all or of use to programs only.

    Shares are percent signs in every language, as in the figures; the downloads have them as
    numbers from 0 to 1.
    """
    shown = rows.drop(
        columns=["x1", "y1", "x2", "y2", "detection", "width", "height", "model"], errors="ignore"
    )
    for name in ("confidence", *PROBABILITIES):
        if name in shown:
            shown[name] = shown[name].astype(float) * 100
    columns = {
        name: st.column_config.ProgressColumn(
            emotion, min_value=0, max_value=100, format="%.0f%%", color=colour
        )
        for name, (emotion, colour) in zip(PROBABILITIES, COLOURS.items(), strict=True)
    }
    columns["time"] = st.column_config.NumberColumn("seconds", format="%.2f")
    columns["path"] = st.column_config.TextColumn("photo", pinned=True, width="medium")
    columns["confidence"] = st.column_config.NumberColumn(format="%.0f%%")
    st.space("small")  # for the table's own tools, which would cover what stands above
    st.dataframe(shown, hide_index=True, column_config=columns, placeholder="", alt=alt)


LIVE_ROWS = 50
"""Of the newest rows, so many are shown while a result grows."""
TABLE_ROWS = 5_000
"""Of a result's rows, so many are sent to the browser."""


def show_newest(table: pa.Table) -> None:
    """Show the last rows of a result that grows, the newest first, once there are any."""
    if not len(table):
        return
    newest = to_pandas(table.slice(max(0, len(table) - LIVE_ROWS)))
    show_rows(newest.iloc[::-1], "The newest rows, one a face, as they are scored")


def show_first(rows: pd.DataFrame, alt: str) -> None:
    """Show a result's rows, of a long one the first."""
    if len(rows) > TABLE_ROWS:
        st.caption(f"The first {TABLE_ROWS:,} of {len(rows):,} rows; the downloads have all.")
    show_rows(rows.head(TABLE_ROWS), alt)


def forget_uploads(taken: Iterable[UploadedFile] | None = None) -> None:
    """Drop Streamlit's hold on uploads, which it keeps until the tab is closed.

    Args:
        taken: those that are at hand elsewhere. All of the session's when left out, those of
            widgets that are long gone, too, and those that another widget has just been given.
    """
    context = get_script_run_ctx()
    assert context is not None, "pages run in a session"
    manager = cast(MemoryUploadedFileManager, context.uploaded_file_mgr)
    if taken is None:
        manager.remove_session_files(context.session_id)
    for file in taken or ():
        manager.remove_file(context.session_id, file.file_id)


def plain(text: str) -> str:
    """Escape what Markdown, in which labels and captions are written, would take for markup."""
    return re.sub(r"([^\w\s])", r"\\\1", text, flags=re.ASCII)
