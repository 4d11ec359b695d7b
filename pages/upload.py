"""Photos in, every face boxed, named and shown with all seven probabilities."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from app import photos
from app.figures.emotions import probability_bars
from app.routing import by_way_of_the_router
from app.server.memory import give_back
from app.shared import load_recognizer, pick_model, show_rows
from fer.drawing import annotate, tint
from fer.emotions import EMOTIONS
from fer.errors import FerError, UnreadableImage
from fer.explain import look
from fer.faces.images import EXTENSIONS, Photo
from fer.faces.preprocessing import crop_faces
from fer.recognizer import Face
from fer.scoring.csv_output import HEADER, csv_lines
from fer.scoring.rows import error_row, photo_rows, to_frame
from fer.wording import percent

EXAMPLE = Path(photos.__file__).with_name("examples") / "astronaut.jpg"
BATCH = 8  # photos decoded and scored together: what is in memory at a time,
BATCH_PIXELS = 25_000_000  # or fewer, once they have so many pixels
CARDS = 12  # faces of a photo shown before the visitor asks for the rest
CROP_SIDE = 192  # pixels; shown at half of that, sharp on dense screens too


@dataclass(frozen=True)
class Scored:
    """A photo as this page shows it; the original is let go."""

    size: tuple[int, int]
    picture: Image.Image
    """With the faces boxed and named."""
    faces: list[Face]
    crops: list[Image.Image]
    inputs: Tensor
    """The crops as the network sees them: uint8 `[faces, 1, 48, 48]`."""


def score(photos: dict[str, bytes], model: str) -> dict[str, Scored | UnreadableImage]:
    """Score photos, by digest, in batches; one that cannot be read does not hold up the rest."""
    recognizer = load_recognizer(model)
    results: dict[str, Scored | UnreadableImage] = {}
    progress = st.progress(0.0, "Looking for faces …")
    read: dict[str, Photo] = {}
    for done, (digest, data) in enumerate(photos.items(), start=1):
        try:
            read[digest] = recognizer.read(data)
        except UnreadableImage as error:
            results[digest] = UnreadableImage(str(error))  # which has no hold on the file
        pixels = sum(photo.image.width * photo.image.height for photo in read.values())
        if len(read) < BATCH and pixels < BATCH_PIXELS and done < len(photos):
            continue
        for (key, photo), faces in zip(
            read.items(), recognizer.recognize(list(read.values())), strict=True
        ):
            results[key] = drawn(photo, faces)
        read = {}
        progress.progress(done / len(photos), f"Scored {done} of {len(photos)} photos")
    progress.empty()
    return results


def drawn(photo: Photo, faces: list[Face]) -> Scored:
    """Keep of a photo what is shown of it."""
    image = photo.image  # may be smaller than the photo, in whose pixels the faces are given
    factors = (image.width / photo.size[0], image.height / photo.size[1])
    here = [
        replace(face, box=face.box.scaled(*factors), crop=face.crop.scaled(*factors))
        for face in faces
    ]
    crops = [image.resize((CROP_SIDE, CROP_SIDE), box=face.crop) for face in here]
    inputs = crop_faces(image, [face.crop for face in here])
    return Scored(photo.size, annotate(image, here), faces, crops, inputs)


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
    heats = look(load_recognizer(model), result.inputs, emotions).numpy()
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


by_way_of_the_router()
st.title("What do these faces show?")
upload, options = st.columns([3, 2], gap="medium")
with upload:
    files = st.file_uploader(
        "Photos",
        type=list(EXTENSIONS),
        accept_multiple_files=True,
        max_upload_size=50,
        key="files",
        help="Several at once. They are read in memory and never written to disk.",
    )
with options:
    model = pick_model()
    explain = st.toggle(
        "Show where the model looked",
        key="explain",
        help="Colours each face where its pixels spoke for the emotion named (HiResCAM).",
    )
    camera_on = st.toggle("Take one with the camera", key="camera_on")
    if st.button("Try an example", icon=":material/image:", key="example_button"):
        st.session_state.example = True
shot = st.camera_input("Camera", key="camera") if camera_on else None

named = [(file.name, file.getvalue()) for file in files]
if shot:
    named.append(("camera.jpg", shot.getvalue()))
if named:
    st.session_state.example = False
elif st.session_state.get("example"):
    named = [(EXAMPLE.name, EXAMPLE.read_bytes())]
if not named:
    st.info("Drop in photos, take one, or try the example.", icon=":material/add_a_photo:")
    st.session_state.pop("scored", None)
    st.stop()

# What this visitor's photos gave, kept in their own session only, and no longer than they are
# shown; the same photo is scored once for a model however often the page runs.
keys = [hashlib.sha256(data).hexdigest() for _, data in named]
known = st.session_state.get("scored", {}).get(model, {})
missing = {key: data for key, (_, data) in zip(keys, named, strict=True) if key not in known}
new: dict[str, Scored | UnreadableImage] = {}
if missing:
    try:
        new = score(missing, model)
    except FerError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()
    give_back()
scored = {key: new.get(key) or known[key] for key in keys}
st.session_state.scored = {model: scored}

rows = []
for index, ((name, _), key) in enumerate(zip(named, keys, strict=True)):
    result = scored[key]
    if isinstance(result, UnreadableImage):
        rows.append(error_row(name, result, model))
    else:
        rows += photo_rows(name, result.size, result.faces, model)
    with st.container(border=True):
        st.text(name)
        if isinstance(result, UnreadableImage):
            st.error(str(result), icon=":material/broken_image:")
            continue
        show_photo(result, model, explain, key=str(index))

table = to_frame(rows)
st.subheader("All faces")
show_rows(
    table.dropna(axis="columns", how="all"),
    "One row a face, and one for every photo without a face or that cannot be read",
)
st.caption(
    "The downloads add boxes in pixels of the upright photo; there a photo's faces count from 0, "
    "as in the batch scorer's tables."
)
csv, json_ = st.columns(2)
csv.download_button(
    "Download CSV",
    HEADER + csv_lines(rows),
    "emotions.csv",
    "text/csv",
    icon=":material/download:",
    on_click="ignore",
    width="stretch",
)
json_.download_button(
    "Download JSON",
    json.dumps(json.loads(table.to_json(orient="records")), indent=2),
    "emotions.json",
    "application/json",
    icon=":material/download:",
    on_click="ignore",
    width="stretch",
)
