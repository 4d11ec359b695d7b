import base64

import pytest
from streamlit.testing.v1 import AppTest

from app.live.views import described, unpacked
from app.server.live import Seen
from fer.emotions import EMOTIONS
from fer.faces.boxes import Box
from fer.recognizer import Face


def test_a_picture_is_unpacked():
    sent = {"number": 7, "first": True, "jpeg": base64.b64encode(b"picture").decode()}
    assert unpacked(sent) == (7, True, b"picture")


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        "text",
        {},
        {"jpeg": 3},
        {"jpeg": "§"},
        {"jpeg": "abc"},
        {"number": "x", "jpeg": []},
    ],
)
def test_what_is_none_has_no_bytes(sent):
    number, _, data = unpacked(sent)
    assert (number, data) == (0, b"")


@pytest.mark.parametrize(
    ("threshold", "label", "said"),
    [(0.5, "sad 60%", "sad 60%"), (0.7, "sad? 60%", "unsure: sad 60% or fear 30%")],
)
def test_an_answer_says_what_the_other_pages_say(threshold, label, said):
    shares = [0.02, 0.02, 0.3, 0.02, 0.6, 0.02, 0.02]
    box = Box(64, 48, 320, 240)
    seen = Seen((640, 480), {3: Face(box, box, 0.99, tuple(shares), threshold)})
    (face,) = described(seen)["faces"]
    assert face["person"] == 3
    assert face["box"] == pytest.approx([0.1, 0.1, 0.5, 0.5])
    assert face["emotion"] == "sad"
    assert (face["label"], face["said"]) == (label, said)
    assert dict(zip(EMOTIONS, face["shares"], strict=True))["fear"] == 0.3


def test_a_picture_that_comes_after_its_visitor_has_gone_is_dropped():
    def other_page():
        import streamlit as st

        from app.live.views import reply

        reply(None)
        assert "answer_now" not in st.session_state

    assert not AppTest.from_function(other_page).run().exception
