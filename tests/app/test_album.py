import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from app.photos.album import Found
from fer.faces.boxes import Box
from fer.recognizer import Face


@pytest.mark.parametrize("side", [100, 400, 1600])
@pytest.mark.parametrize(("size", "turn"), [((1280, 960), 0), ((960, 1280), 90), ((333, 1111), 0)])
def test_a_face_stays_in_its_place_whatever_size_its_photo_is_decoded_at(size, turn, side):
    width, height = size if turn == 0 else size[::-1]
    box = Box(0.25 * width, 0.5 * height, 0.5 * width, 0.75 * height)
    photo = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(photo).rectangle((box.x1, box.y1, box.x2, box.y2), fill="black")
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=95)
    found = Found(size, turn, [], file.getvalue(), {}, [])
    picture = found.open(side)
    assert min(picture.size) >= min(side, *photo.size)
    face = Face(box, box, 0.9, (1.0, 0, 0, 0, 0, 0, 0), 0.5)
    [shown] = found.shown([face], picture.width)
    dark = np.argwhere(np.asarray(picture.convert("L")) < 128)
    (top, left), (bottom, right) = dark.min(0), dark.max(0) + 1
    assert [left, top, right, bottom] == pytest.approx(shown.box, abs=2)
