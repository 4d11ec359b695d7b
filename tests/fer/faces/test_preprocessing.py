import numpy as np
import pytest
import torch
from PIL import Image

from fer.faces.boxes import Box
from fer.faces.preprocessing import FACE_SIZE, Framing, Preprocessing, crop_faces


def test_square_follows_the_framing():
    framing = Framing(side=1.5, centre_x=0.5, centre_y=0.6)
    square = framing.square(Box(100, 100, 180, 200), 1000, 1000)
    assert square.width == square.height == 150
    assert (square.x1 + 75, square.y1 + 90) == (140, 150)


@pytest.mark.parametrize(
    "box", [Box(-30, -40, 60, 70), Box(930, 950, 1020, 1060), Box(-50, 0, 1050, 1200)]
)
def test_square_stays_square_and_inside_the_photo(box):
    square = Framing().square(box, 1000, 900)
    assert square.width == pytest.approx(square.height)
    assert 0 <= square.x1 < square.x2 <= 1000
    assert 0 <= square.y1 < square.y2 <= 900


def test_a_data_set_image_comes_through_unchanged():
    pixels = torch.randint(256, (FACE_SIZE, FACE_SIZE), dtype=torch.uint8)
    image = Image.fromarray(pixels.numpy())
    for photo in (image, image.convert("RGB")):
        faces = crop_faces(photo, [Box(0, 0, FACE_SIZE, FACE_SIZE)])
        assert torch.equal(faces[0, 0], pixels)


def test_crop_is_antialiased():
    stripes = np.zeros((480, 480), np.uint8)
    stripes[:, ::2] = 255  # one pixel wide: ten of them to a pixel of the crop
    face = crop_faces(Image.fromarray(stripes), [Box(0, 0, 480, 480)])
    assert face.float().std() < 2
    assert face.float().mean() == pytest.approx(127.5, abs=2)


def test_no_boxes_give_an_empty_batch():
    assert crop_faces(Image.new("RGB", (99, 99)), []).shape == (0, 1, 48, 48)


def test_tensor_scales_resizes_and_repeats_channels():
    faces = torch.full((2, 1, 48, 48), 255, dtype=torch.uint8)
    tensor = Preprocessing(size=64, channels=3, mean=0.5, std=0.25).tensor(faces)
    assert tensor.shape == (2, 3, 64, 64)
    assert torch.allclose(tensor, torch.full_like(tensor, 2.0))
    same = Preprocessing().tensor(faces.float() / 255)
    assert torch.equal(same, Preprocessing().tensor(faces))
