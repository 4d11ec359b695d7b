"""Photos scored for the page that shows them, and let go."""

from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st
from PIL import Image

from app.shared import load_recognizer
from fer.drawing import annotate
from fer.errors import UnreadableImage
from fer.faces.images import Photo
from fer.faces.preprocessing import Crops
from fer.recognizer import Face, Recognizer

EXAMPLE = Path(__file__).with_name("examples") / "astronaut.jpg"
BATCH = 8  # photos decoded and scored together: what is in memory at a time,
BATCH_PIXELS = 25_000_000  # or fewer, once they have so many pixels
CROP_SIDE = 192  # pixels; shown at half of that, sharp on dense screens too


@dataclass(frozen=True)
class Scored:
    """A photo as this page shows it; the original is let go."""

    size: tuple[int, int]
    picture: Image.Image
    """With the faces boxed and named."""
    faces: list[Face]
    crops: list[Image.Image]
    inputs: Crops
    """The faces as the model is given them."""


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
            results[key] = drawn(recognizer, photo, faces)
        read = {}
        progress.progress(done / len(photos), f"Scored {done} of {len(photos)} photos")
    progress.empty()
    return results


def drawn(recognizer: Recognizer, photo: Photo, faces: list[Face]) -> Scored:
    """Keep of a photo what is shown of it."""
    image = photo.image  # may be smaller than the photo, in whose pixels the faces are given
    factors = (image.width / photo.size[0], image.height / photo.size[1])
    here = [
        replace(face, box=face.box.scaled(*factors), crop=face.crop.scaled(*factors))
        for face in faces
    ]
    crops = [image.resize((CROP_SIDE, CROP_SIDE), box=face.crop) for face in here]
    inputs = recognizer.crop(image, [face.crop for face in here])
    return Scored(photo.size, annotate(image, here), faces, crops, inputs)
