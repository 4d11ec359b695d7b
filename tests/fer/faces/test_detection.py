import numpy as np
import pytest
from facenet_pytorch import MTCNN
from PIL import Image

from fer.errors import FerError
from fer.faces.boxes import Box
from fer.faces.detection import Detection, Detector, reading_order


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


def test_finds_the_face_where_it_is(detector, astronaut):
    (face,) = detector.detect([astronaut])[0]
    assert face.score > 0.99
    # Eyes (about 205,110 and 245,110) and mouth (225,150) lie in the box.
    assert face.box.x1 < 195
    assert face.box.x2 > 255
    assert face.box.y1 < 95
    assert 155 < face.box.y2 < 200


def test_finds_forty_faces_in_reading_order(detector, crowd):
    boxes = [face.box for face in detector.detect([crowd])[0]]
    assert len(boxes) == 40
    for row in range(5):  # of eight, as the photo was made
        eight = boxes[8 * row : 8 * row + 8]
        assert [box.x1 for box in eight] == sorted(box.x1 for box in eight)
        assert all(0 <= (box.y1 + box.y2) / 2 - 156 * row < 156 for box in eight)


def test_faces_that_stand_unevenly_are_one_row_and_those_below_another():
    def face(x: float, y: float, side: float = 60) -> Detection:
        return Detection(Box(x, y, x + side, y + side), 1.0)

    above = [face(10, 40), face(120, 15), face(230, 35)]
    below = [face(60, 95), face(180, 110, side=40)]
    assert reading_order([*below, *above[::-1]]) == above + below
    assert reading_order([]) == []


def test_boxes_are_in_pixels_of_the_photo_as_given(detector, astronaut):
    (small,) = detector.detect([astronaut])[0]
    (large,) = detector.detect([astronaut.resize((2560, 2560))])[0]
    assert np.allclose(np.array(large.box) / 5, small.box, atol=5)


def test_a_batch_of_photos_with_different_counts_equals_one_by_one(detector, astronaut):
    two = Image.new("RGB", (512, 512), "gray")
    for x in (0, 256):
        two.paste(astronaut.crop((100, 0, 356, 256)), (x, 100))
    batch = [astronaut, Image.new("RGB", (512, 512), "gray"), two, astronaut.crop((0, 0, 400, 300))]
    batched = Detector()
    batched.batch_size = 16  # as on a GPU
    together = batched.detect(batch)
    assert [len(faces) for faces in together] == [1, 0, 2, 1]
    for photo, faces in zip(batch, together, strict=True):
        alone = detector.detect([photo])[0]
        assert np.allclose([f.box for f in faces], [f.box for f in alone], atol=1e-2)


@pytest.mark.parametrize("size", [(1, 1), (19, 19), (20, 600), (5000, 10), (23, 24)])
def test_images_too_small_for_a_face_have_none(detector, size):
    assert detector.detect([Image.new("RGB", size, "red")]) == [[]]


def test_a_photo_as_large_as_the_smallest_face_is_looked_at():
    # 47 * (12 / 47) is less than 12 by rounding, and the first network looks at 12 pixels.
    for side in (46, 47, 94, 147):
        assert Detector(min_face=side).detect([Image.new("RGB", (side, side), "red")]) == [[]]


def test_no_photos_give_no_results(detector):
    assert detector.detect([]) == []


def test_finds_what_the_package_s_own_loop_finds_and_where(detector, astronaut):
    wide = Image.new("RGB", (1920, 1080), "gray")
    head = astronaut.crop((150, 20, 310, 200))
    for index, width in enumerate((60, 75, 100, 150, 250, 400)):
        wide.paste(head.resize((width, width * 9 // 8)), (20 + index * 250, 30 + 90 * index))
    theirs = MTCNN(keep_all=True)
    for photo in (astronaut, wide):
        boxes, scores = theirs.detect(photo)
        large = [
            Box(*box)
            for box, score in zip(boxes, scores, strict=True)
            if score > 0.9 and Box(*box).height >= 40
        ]
        ours = [face.box for face in detector.detect([photo])[0]]
        assert len(large) == (6 if photo is wide else 1)
        for box in large:
            nearest = min(ours, key=lambda other: np.abs(np.subtract(other, box)).max())
            assert np.abs(np.subtract(nearest, box)).max() < 0.25 * box.height


def test_a_face_over_the_edge_and_one_as_large_as_the_photo(detector, astronaut):
    assert len(detector.detect([astronaut.crop((190, 60, 400, 300))])[0]) == 1
    assert len(detector.detect([astronaut.crop((170, 40, 290, 190))])[0]) == 1


@pytest.mark.parametrize("side", [11, 0, -3, float("nan")])
def test_a_smallest_face_below_the_networks_window_is_refused(side):
    with pytest.raises(FerError, match=f"12 pixels or more, not {side}"):
        Detector(min_face=side)
