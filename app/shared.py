"""What the pages share: the models, loaded once for all visitors, and the table of rows."""

import os
from concurrent.futures import ThreadPoolExecutor, wait

import pandas as pd
import streamlit as st

from fer.artifacts import Artifact, list_models, local_folders
from fer.emotions import COLOURS
from fer.errors import FerError
from fer.faces.detection import Detector
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

    A model that cannot be had is a sentence below the picker; the others are still offered.
    """
    names = [name for name in offered_models() if _can_answer(name)]
    if not names:
        st.error("There are no models in `models/`: train one with `python -m training train cnn`.")
        st.stop()
    name = st.selectbox("Model", names, format_func=_describe, key="model", bind="query-params")
    try:
        artifact = find_artifact(name)
        if not local_folders(name):
            accuracy = artifact.accuracy("test")
            st.caption(f"From the Hugging Face Hub; right on {accuracy:.1%} of test images.")
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


def _describe(name: str) -> str:
    if not local_folders(name):
        return name  # a Hub id: asking the Hub about each would hold up the page
    try:
        accuracy = Artifact.find(name).accuracy("test")
    except FerError:
        return f"{name} · not measured"
    return f"{name} · right on {accuracy:.1%} of test images"


def show_rows(rows: pd.DataFrame, alt: str) -> None:
    """Show the scorer's rows, without what is the same in all or of use to programs only."""
    shown = rows.drop(
        columns=["x1", "y1", "x2", "y2", "detection", "width", "height", "model"], errors="ignore"
    )
    columns = {
        f"p_{emotion}": st.column_config.ProgressColumn(
            emotion, min_value=0, max_value=1, format="percent", color=colour
        )
        for emotion, colour in COLOURS.items()
    }
    columns["path"] = st.column_config.TextColumn("photo", pinned=True, width="medium")
    columns["confidence"] = st.column_config.NumberColumn(format="percent")
    st.dataframe(shown, hide_index=True, column_config=columns, placeholder="", alt=alt)
