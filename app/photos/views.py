"""The album on the page: all photos small, or one of them open with a card for each face."""

from itertools import pairwise
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import streamlit as st
import torch
from PIL import Image

from app.choice import ORDERS, ask_choice, ordered, select
from app.figures.emotions import probability_bars
from app.photos.album import PICTURE_SIDE, PORTRAIT_SIDE, Album, Found, Shot
from app.photos.boxes import show_boxes
from app.photos.scored import asked, visitors_album
from app.pictures import jpeg, offer_pictures, room, zipped
from app.shared import load_recognizer
from fer.columns import Status
from fer.drawing import Hiding, annotate, colours_of, hide, tint
from fer.emotions import EMOTIONS
from fer.errors import UnreadableImage
from fer.explain import saliency
from fer.recognizer import Face
from fer.wording import counted, named, percent

PHOTOS = 24  # on a page of the overview
CARDS = 12  # faces of a photo shown before the visitor asks for the rest
THUMBNAIL_SIDE = 400  # pixels
DIFFERENCE = "where the two models differ first"
TURNED = {90: "a quarter clockwise", 180: "upside down", 270: "a quarter counter-clockwise"}


def show_overview(album: Album, model: str, second: str | None, table: pd.DataFrame) -> None:
    """Show what came out, the filters, and a page of the photos that fit, small.

    Args:
        table: the rows of all photos, each with the number of its photo as `shot`.
    """
    with st.grid(min_column_width=130):
        st.metric("Photos", f"{len(album.shots):,}")
        st.metric("Faces", f"{table['emotion'].notna().sum():,}")
        st.metric("Unsure", f"{(table['certain'] == False).sum():,}")  # noqa: E712 - has empty cells
        st.metric("Photos without a face", f"{(table['status'] == Status.NO_FACE).sum():,}")
        st.metric("Unreadable files", f"{(table['status'] == Status.ERROR).sum():,}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = st.selectbox(
            "Order", (*ORDERS, DIFFERENCE) if second else ORDERS, key="order", width=240
        )
        with st.popover("Filter", icon=":material/filter_alt:"):
            choice = ask_choice()
    rows = select(table, choice)
    if second and order == DIFFERENCE:
        differ = {
            number: disagreement(album, shot, model, second)
            for number, shot in enumerate(album.shots)
        }
        shots = sorted(rows["shot"].unique().tolist(), key=lambda number: -differ[number])
    else:
        shots = ordered(rows, order)["shot"].unique().tolist()
    pages = -(-len(shots) // PHOTOS)
    page = st.pagination(pages, key=f"photos-{pages}") if pages > 1 else 1
    first = (page - 1) * PHOTOS
    part = shots[first : first + PHOTOS]
    of = f"{len(shots):,}" + (f" (of {len(album.shots):,} photos)" if choice else "")
    st.caption(
        f"{first + 1:,} to {first + len(part):,} of {of}" if part else "No photo fits the filter."
    )
    with st.grid(min_column_width=160):
        for number in part:
            show_small(album, album.shots[number], model, second)


def disagreement(album: Album, shot: Shot, model: str, second: str) -> float:
    """Return how far two models' answers to a photo lie apart at most: 0 to 1, each face apart."""
    pairs = zip(album.faces(shot, model), album.faces(shot, second), strict=True)
    return max(
        (
            float(np.abs(np.array(one.probabilities) - other.probabilities).sum()) / 2
            for one, other in pairs
        ),
        default=0.0,
    )


def show_small(album: Album, shot: Shot, model: str, second: str | None) -> None:
    """Show a photo small, with what its faces show, and a way to open it."""
    found = album.results[shot.digest]
    with st.container(border=True, gap="xsmall", height="stretch"):
        if isinstance(found, UnreadableImage):
            st.error(str(found), icon=":material/broken_image:")
            st.text(shortened(shot.name))
            st.button(
                "Remove",
                key=f"remove-{shot.key}",
                icon=":material/delete:",
                on_click=remove_shot,
                args=(shot,),
                type="tertiary",
            )
            return
        faces = album.faces(shot, model)
        said = [said_by_both(album, shot, model, second, number) for number in range(len(faces))]
        st.image(
            thumbnail(album, shot, model),
            width=room(found.turned_size),
            alt=f"{shot.name}: {counted(len(faces), 'face')}",
        )
        st.text(shortened(shot.name))
        st.caption("; ".join(said[:2]) + (f"; {len(said) - 2} more" if len(said) > 2 else ""))
        if not faces:
            st.caption("No face was found.")
        st.button(
            "Open",
            key=f"open-{shot.key}",
            icon=":material/open_in_full:",
            on_click=open_shot,
            args=(shot,),
            type="tertiary",
        )


def said_by_both(album: Album, shot: Shot, model: str, second: str | None, number: int) -> str:
    """Return what one model says of a face, and the other if it says something else."""
    face = album.faces(shot, model)[number]
    said = named(face.by_emotion, face.certain)
    if not second:
        return said
    other = album.faces(shot, second)[number]
    if other.emotion == face.emotion:
        return said
    return f"{said} ({second}: {named(other.by_emotion, other.certain)})"


def thumbnail(album: Album, shot: Shot, model: str) -> bytes:
    """Return a photo's small picture as JPEG; it is drawn once for a model."""
    drawn = st.session_state.setdefault("thumbnails", {})
    key = (shot.digest, model)
    if key not in drawn:
        drawn[key] = jpeg(picture_of(album, shot, model, side=THUMBNAIL_SIDE))
    return drawn[key]


def picture_of(
    album: Album,
    shot: Shot,
    model: str,
    side: int | None = None,
    marked: int | None = None,
    hiding: Hiding | None = None,
) -> Image.Image:
    """Return a photo with its faces boxed and named, at most `side` pixels wide and high."""
    found = album.results[shot.digest]
    assert isinstance(found, Found)
    picture = found.open(side or PICTURE_SIDE)
    faces = found.shown(album.faces(shot, model), picture.width)
    if hiding:
        picture = hide(picture, faces, hiding)
    return annotate(picture, faces, side or max(picture.size), marked)


def open_shot(shot: Shot | None) -> None:
    """Show one photo open, or all of them small."""
    st.session_state.opened = shot
    st.session_state.face = 1


def remove_shot(shot: Shot) -> None:
    """Take a photo out of the album, and its small pictures with it."""
    visitors_album().remove(shot)
    drawn = st.session_state.get("thumbnails", {})
    for key in [key for key in drawn if key[0] == shot.digest]:
        del drawn[key]
    open_shot(None)


def show_open(album: Album, shot: Shot, model: str, second: str | None) -> None:
    """Show one photo as large as there is room, with its faces beside and below it."""
    show_way_back(album, shot)
    found = album.results[shot.digest]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(shot.name, width="stretch")
        if isinstance(found, Found):
            download_picture(album, shot, model)
    if isinstance(found, UnreadableImage):
        st.error(str(found), icon=":material/broken_image:")
        return
    faces = album.faces(shot, model)
    chosen = min(st.session_state.get("face", 1), len(faces)) if len(faces) > 1 else None
    left, right = st.columns([3, 2], gap="medium")
    with left:
        picture = picture_of(album, shot, model, marked=chosen)
        width = room(picture.size) if max(picture.size) >= 480 else "content"
        with st.container(key="photo", width=width):
            st.image(jpeg(picture), width=width, alt=f"{counted(len(faces), 'face')} found")
            if chosen:
                across, down = found.turned_size
                boxes = [
                    (
                        face.box.scaled(1 / across, 1 / down),
                        f"Face {number}: {named(face.by_emotion, face.certain)}",
                    )
                    for number, face in enumerate(faces, start=1)
                ]
                show_boxes(boxes, chosen, choose_face)
    with right:
        if found.turn:
            st.info(
                f"As it stands no face was found: it was turned {TURNED[found.turn]}. The table's "
                "boxes are those of the photo as it was.",
                icon=":material/rotate_right:",
            )
        if not faces:
            st.warning(
                "No face was found in this photo, whichever way it is turned.",
                icon=":material/face_retouching_off:",
            )
            return
        show_face(album, shot, model, second, chosen or 1)
    if len(faces) > 1:
        show_cards(album, shot, model, second, chosen or 1)


def show_way_back(album: Album, shot: Shot) -> None:
    """Show the ways to the other photos."""
    if len(album.shots) > 1:
        after = dict(pairwise(album.shots))
        before = {other: one for one, other in after.items()}
        with st.container(horizontal=True):
            st.button(
                "All photos",
                icon=":material/arrow_back:",
                on_click=open_shot,
                args=(None,),
                key="back",
            )
            for label, icon, shortcut, other in (
                ("Previous", "chevron_left", "Left", before.get(shot)),
                ("Next", "chevron_right", "Right", after.get(shot)),
            ):
                st.button(
                    label,
                    icon=f":material/{icon}:",
                    on_click=open_shot,
                    args=(other,),
                    disabled=other is None,
                    shortcut=shortcut,
                    key=label.lower(),
                )
            st.button(
                "Remove",
                icon=":material/delete:",
                on_click=remove_shot,
                args=(shot,),
                key="remove",
                help="Takes this photo off the page.",
            )


def download_picture(album: Album, shot: Shot, model: str) -> None:
    """Offer the picture with its boxes, its faces shown or hidden."""
    offer_pictures(
        "Picture",
        lambda hiding: jpeg(picture_of(album, shot, model, hiding=hiding)),
        f"{PurePosixPath(shot.name).stem}-emotions.jpg",
        "image/jpeg",
    )


def zip_of_pictures(album: Album, model: str, hiding: Hiding | None) -> bytes:
    """Return all photos with their boxes as a zip."""
    return zipped(
        (shot.name, picture_of(album, shot, model, hiding=hiding))
        for shot in album.shots
        if isinstance(album.results[shot.digest], Found)
    )


def show_face(album: Album, shot: Shot, model: str, second: str | None, number: int) -> None:
    """Show one face in full: its picture, its name and the seven probabilities."""
    found = album.results[shot.digest]
    assert isinstance(found, Found)
    face = album.faces(shot, model)[number - 1]
    portrait = found.portraits[number - 1]
    st.markdown(f"**{number} · {named(face.by_emotion, face.certain)}**")
    explain = st.session_state.get("explain", False)
    with st.container(horizontal=True, key="portrait"):
        st.image(portrait, width=PORTRAIT_SIDE * 3 // 4, alt=f"Face {number}")
        if explain:
            show_heat(album, found, face, portrait, model, number)
    st.caption(
        "No face was found: the whole image, small and square as a face cut out of a photo, "
        "was named."
        if face.whole_image
        else f"{face.box.width:.0f} × {face.box.height:.0f} pixels"
    )
    if not face.certain:
        st.caption(
            f"Unsure: below {percent(face.threshold)} this model is right on fewer than nine of "
            "ten faces that it names."
        )
    show_bars(face, model if second else None, f"bars-{number}")
    if second:
        other = album.faces(shot, second)[number - 1]
        show_bars(other, second, f"second-{number}")


def show_bars(face: Face, model: str | None, key: str) -> None:
    """Show a model's seven probabilities, under its name where there are two."""
    said = named(face.by_emotion, face.certain)
    if model:
        st.text(f"{model}: {said}")
    st.plotly_chart(
        probability_bars(face.probabilities),
        key=key,
        config={"displayModeBar": False},
        alt=f"Probabilities by {model or 'the model'}: {said}",
    )


def show_heat(
    album: Album, found: Found, face: Face, portrait: Image.Image, model: str, number: int
) -> None:
    """Show beside a face where the network looked, with the legend of its colours."""
    recognizer = load_recognizer(model)
    crops = found.cuts[recognizer.config.preprocessing.framing][1]
    emotion = torch.tensor([EMOTIONS.index(face.emotion)])
    only = asked(recognizer, crops[number - 1 : number])
    heat = saliency(recognizer, only, emotion)[0].numpy()
    with st.container(width="content", gap="xxsmall"):
        st.image(
            tint(portrait, heat),
            width=PORTRAIT_SIDE * 3 // 4,
            alt=f"Where face {number} spoke for {face.emotion}",
        )
        scale = np.tile(np.linspace(0, 1, PORTRAIT_SIDE), (8, 1))
        st.image(colours_of(scale), width=PORTRAIT_SIDE * 3 // 4, alt="From nothing to most")
        st.caption(f"spoke for {face.emotion}: nothing to most")


def show_cards(album: Album, shot: Shot, model: str, second: str | None, chosen: int) -> None:
    """Show a small card for each face; one that is pressed is shown in full and marked above."""
    found = album.results[shot.digest]
    assert isinstance(found, Found)
    count = len(found.portraits)
    st.header(f"{count} faces", divider=False)
    if count > CARDS and not st.toggle(f"Show all {count}", key=f"all-{shot.key}"):
        count = CARDS
    with st.grid(min_column_width=150):
        for number in range(1, count + 1):
            with st.container(border=True, gap="xxsmall"):
                st.image(found.portraits[number - 1], width=72, alt=f"Face {number}")
                st.text(f"{number} · {said_by_both(album, shot, model, second, number - 1)}")
                st.button(
                    "Shown above" if number == chosen else "Show",
                    key=f"face-{number}",
                    on_click=choose_face,
                    args=(number,),
                    disabled=number == chosen,
                    type="tertiary",
                    help=f"Face {number} in full, marked in the picture",
                )


def choose_face(number: int) -> None:
    """Show this face in full."""
    st.session_state.face = number


def shortened(name: str, limit: int = 60) -> str:
    """Return a file's name, its middle left out where it is long."""
    if len(name) <= limit:
        return name
    return f"{name[: limit // 2]}…{name[-(limit // 2 - 1) :]}"
