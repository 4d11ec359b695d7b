import numpy as np
import pytest
from PIL import Image, ImageColor

from fer.drawing import annotate, tint
from fer.emotions import COLOURS
from fer.faces.boxes import Box
from fer.recognizer import Face

HAPPY = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


def test_boxes_stand_where_the_faces_are():
    photo = Image.new("RGB", (800, 600), "black")
    picture = annotate(photo, [Face(Box(200, 150, 400, 350), Box(200, 150, 400, 350), 1.0, HAPPY)])
    colour = ImageColor.getrgb(COLOURS["happy"])
    coloured = (np.asarray(picture) == colour).all(axis=2)
    rows, columns = np.nonzero(coloured[150:, :])
    assert picture.size == (800, 600)
    assert (columns.min(), columns.max()) == (200, 400)
    assert rows.max() + 150 == 350
    assert np.asarray(photo).max() == 0  # the photo given is left alone


@pytest.mark.parametrize("size", [(1, 1), (30, 4000), (3000, 2000), (160, 160)])
def test_any_size_of_photo_is_drawn_at_a_size_to_look_at(size):
    faces = [Face(Box(0, 0, *size), Box(0, 0, *size), None, HAPPY)]
    picture = annotate(Image.new("RGB", size), faces)
    assert max(picture.size) <= 1600
    assert max(picture.size) >= min(480, max(size))


def test_tint_colours_where_the_heat_is():
    heat = np.zeros((48, 48), np.float32)
    heat[:24] = 1
    picture = tint(Image.new("RGB", (96, 96), "black"), heat, "happy")
    assert np.asarray(picture)[:40, :, 0].min() > 150
    assert np.asarray(picture)[56:].max() == 0
