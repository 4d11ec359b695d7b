"""The camera on the page, and what is answered to its pictures."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from app.server.live import MIN_FACE, SIDE, Seen, Turns, Watch
from app.shared import load_recognizer
from fer.drawing import ink_on
from fer.emotions import COLOURS
from fer.errors import FerError
from fer.faces.detection import Detector
from fer.recognizer import Face, Recognizer
from fer.wording import named, percent

HERE = Path(__file__).parent
CAMERA = st.components.v2.component(
    "live-camera",
    html=(HERE / "camera.html").read_text(),
    css=(HERE / "camera.css").read_text(),
    js=(HERE / "camera.js").read_text(),
)
ANSWER = st.components.v2.component(
    "live-answer",
    js="""
export default ({ data }) => {
  // Nothing is returned: Streamlit would call it when the visitor leaves.
  document.dispatchEvent(new CustomEvent("live-answer", { detail: data }));
};
""",
)
"""Hands an answer to the camera. Streamlit sends a component's whole script with each new piece of
data, and the camera's is ten times as long as an answer."""

SETTINGS = {
    "side": SIDE,
    "colours": {
        emotion: {"colour": colour, "ink": ink_on(colour)} for emotion, colour in COLOURS.items()
    },
}
"""What the camera is told once."""


@st.cache_resource
def turns() -> Turns:
    """Return the turns that all visitors of the server take."""
    return Turns()


@st.cache_resource
def load_detector() -> Detector:
    """Load a detector for pictures of a camera."""
    return Detector(min_face=MIN_FACE, max_side=SIDE)


def live_recognizer(model: str) -> Recognizer:
    """Return the model that all pages share, with the camera's detector.

    Raises:
        FerError: if it cannot be had or is damaged.
    """
    shared = load_recognizer(model)
    return Recognizer(shared.config, shared.network, load_detector(), shared.device, shared.name)


@st.fragment
def show_camera(recognizer: Recognizer) -> None:
    """Show the camera; each picture that it sends runs this alone, and not the rest of the page."""
    CAMERA(key="live", data=SETTINGS, on_picture_change=lambda: reply(recognizer))
    ANSWER(key="live-answer", data=st.session_state.get("answer_now", {}))


def reply(recognizer: Recognizer) -> None:
    """Answer the picture that the camera sent."""
    if "live" not in st.session_state:  # it came as its visitor went to another page
        return
    number, first, data = unpacked(st.session_state.live.picture)
    if first or "watch" not in st.session_state:
        st.session_state.watch = Watch()
    try:
        said = described(st.session_state.watch.look(data, recognizer, turns()))
    except FerError as error:
        said = {"problem": str(error)}
    st.session_state.answer_now = {"number": number} | said


def unpacked(picture: Any) -> tuple[int, bool, bytes]:
    """Return what the camera sent: the picture's number, whether it is the first, its bytes.

    What a page sends may be anything; bytes that are none are empty, which no picture is.
    """
    if not isinstance(picture, Mapping):
        return 0, True, b""
    number, text = picture.get("number"), picture.get("jpeg")
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        data = b""
    return number if isinstance(number, int) else 0, bool(picture.get("first")), data


def described(seen: Seen) -> dict[str, Any]:
    """Return what a picture shows as the camera draws it: boxes in shares of width and height."""
    width, height = seen.size
    return {
        "faces": [
            {
                "person": person,
                "box": list(face.box.scaled(1 / width, 1 / height)),
                "emotion": face.emotion,
                "certain": face.certain,
                "label": label(face),
                "said": named(face.by_emotion, face.certain),
                "heard": face.emotion if face.certain else f"unsure, {face.emotion}",
                "shares": [round(share, 4) for share in face.probabilities],
            }
            for person, face in seen.faces.items()
        ]
    }


def label(face: Face) -> str:
    """Return what stands at a face's box, as on the pictures of the other pages."""
    return f"{face.emotion}{'' if face.certain else '?'} {percent(face.confidence)}"
