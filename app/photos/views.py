"""A scored photo on the page: the picture, and a card for each of its faces."""

import streamlit as st
import torch
from PIL import Image

from app.figures.emotions import probability_bars
from app.photos.scored import CROP_SIDE, Scored
from app.shared import load_recognizer
from fer.drawing import tint
from fer.emotions import EMOTIONS
from fer.explain import saliency
from fer.recognizer import Face
from fer.wording import percent

CARDS = 12  # faces of a photo shown before the visitor asks for the rest


def show_face(number: int, face: Face, crop: Image.Image, key: str) -> None:
    """Show one face as a card: its crop, its name and the seven probabilities."""
    confidence = percent(face.confidence)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(crop, width=CROP_SIDE // 2, alt=f"Face {number}")
            with st.container(width="stretch", gap="xxsmall"):
                st.markdown(f"**{number} · {face.emotion}** {confidence}")
                st.caption(
                    "no face was found: the picture was scored whole"
                    if face.whole_image
                    else f"{face.box.width:.0f} × {face.box.height:.0f} pixels"
                )
        st.plotly_chart(
            probability_bars(face.probabilities),
            key=key,
            config={"displayModeBar": False},
            alt=f"Probabilities of face {number}: {face.emotion} {confidence}",
        )


def tinted_crops(result: Scored, model: str) -> list[Image.Image]:
    """Return the faces' crops, coloured where the network looked."""
    emotions = torch.tensor([EMOTIONS.index(face.emotion) for face in result.faces])
    heats = saliency(load_recognizer(model), result.inputs, emotions).numpy()
    return [
        tint(crop, heat, face.emotion)
        for crop, heat, face in zip(result.crops, heats, result.faces, strict=True)
    ]


def show_photo(result: Scored, model: str, explain: bool, key: str) -> None:
    """Show a photo and a card for each of its faces, beside it if they are few, else below."""
    few = len(result.faces) <= 2
    left, right = st.columns([3, 2]) if few else (st.container(), st.container())
    faces = "face" if len(result.faces) == 1 else "faces"
    left.image(
        result.picture,
        width="stretch" if max(result.picture.size) >= 480 else "content",
        alt=f"{len(result.faces)} {faces} found",
    )
    with right:
        if not result.faces:
            st.warning("No face was found in this photo.", icon=":material/face_retouching_off:")
        count = len(result.faces)
        if count > CARDS and not st.toggle(f"Show all {count} faces", key=f"all-{key}"):
            count = CARDS
        with st.grid(min_column_width=280):
            crops = tinted_crops(result, model) if explain and result.faces else result.crops
            pairs = zip(result.faces[:count], crops, strict=False)
            for number, (face, crop) in enumerate(pairs, start=1):
                show_face(number, face, crop, key=f"bars-{key}-{number}")
