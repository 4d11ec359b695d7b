import numpy as np
import pytest
from PIL import Image, ImageColor

from fer.drawing import annotate, hide, tint
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
    picture = tint(Image.new("RGB", (96, 96), "black"), heat)
    assert np.asarray(picture)[:40].min() > 80  # the brightest of the colours
    assert np.asarray(picture)[56:].max() < 10


def test_labels_cover_no_other_face_and_are_no_larger_on_larger_faces():
    photo = Image.new("RGB", (1600, 1000), "black")
    boxes = [Box(100 + 90 * x, 100, 180 + 90 * x, 190) for x in range(12)]
    boxes += [Box(100, 300, 700, 900), Box(720, 320, 1300, 880)]
    crowded = annotate(photo, [Face(box, box, 1.0, HAPPY) for box in boxes])
    alone = annotate(photo, [Face(boxes[-1], boxes[-1], 1.0, HAPPY)])
    inside = [np.asarray(crowded.crop(tuple(map(round, box)))) for box in boxes]
    colour = ImageColor.getrgb(COLOURS["happy"])
    for face in inside[:12]:  # nothing but its own edges, which are as wide as the lines are
        assert (face[8:-8, 8:-8] == 0).all()
    label = (np.asarray(alone)[:320] == colour).all(axis=2).any(axis=1).sum()
    small = (np.asarray(crowded)[:100] == colour).all(axis=2).any(axis=1).sum()
    assert abs(int(label) - int(small)) <= 2


@pytest.mark.parametrize("how", ["blurred", "covered"])
def test_a_hidden_face_is_beyond_recognition_and_the_rest_is_left_alone(how, astronaut, recognizer):
    faces = recognizer.recognize([astronaut])[0]
    hidden = hide(astronaut, faces, how)
    assert recognizer.recognize([hidden]) == [[]]
    changed = (np.asarray(hidden) != np.asarray(astronaut)).any(axis=2)
    rows, columns = np.nonzero(changed)
    box = faces[0].box
    assert abs(rows.min() - (box.y1 - 0.15 * box.height)) < 3
    assert abs(columns.max() - (box.x2 + 0.15 * box.width)) < 3
