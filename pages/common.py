"""What the pages share: the models, loaded once for all visitors."""

import streamlit as st

from fer.artifacts import find_model, list_models
from fer.detection import Detector
from fer.errors import FerError
from fer.recognizer import Recognizer
from fer.report import Report


@st.cache_resource(show_spinner="Loading the face detector …")
def load_detector() -> Detector:
    """Load the detector that all models share."""
    return Detector()


@st.cache_resource(show_spinner="Loading the model …")
def load_recognizer(model: str) -> Recognizer:
    """Load a model; a second visitor gets the same one at once.

    Raises:
        UnknownModel: if it is damaged.
    """
    return Recognizer.from_pretrained(model, detector=load_detector())


def pick_model() -> str:
    """Show the model picker and return the chosen model's name."""
    names = list_models()
    if not names:
        st.error("There are no models in `models/`: train one with `python -m training train cnn`.")
        st.stop()
    return st.selectbox("Model", names, format_func=_describe, key="model", bind="query-params")


def _describe(name: str) -> str:
    try:
        accuracy = Report.read(find_model(name)).accuracy("test")
    except FerError:
        return f"{name} · not measured"
    return f"{name} · right on {accuracy:.1%} of test images"
