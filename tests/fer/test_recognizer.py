import io
from threading import Thread

import numpy as np
import pytest
import torch
from PIL import Image

from fer.emotions import EMOTIONS
from fer.errors import FerError, UnreadableImage
from fer.faces.boxes import Box
from fer.recognizer import Face, Recognizer


def test_names_a_smile_happy(recognizer, astronaut):
    (face,) = recognizer.recognize([astronaut])[0]
    assert face.emotion == "happy"
    assert face.confidence == max(face.probabilities) > 0.5
    assert sum(face.probabilities) == pytest.approx(1, abs=1e-5)
    assert not face.whole_image


def test_alone_or_in_a_batch_is_the_same(recognizer, astronaut, crowd):
    plain = Image.new("RGB", (640, 480), "gray")
    batch = recognizer.recognize([crowd, plain, astronaut, crowd])
    assert [len(faces) for faces in batch] == [40, 0, 1, 40]
    (alone,) = recognizer.recognize([astronaut])[0]
    assert np.allclose(alone.probabilities, batch[2][0].probabilities, atol=1e-4)
    assert alone.emotion == batch[2][0].emotion


def test_a_small_square_picture_without_a_face_is_scored_whole(recognizer, astronaut):
    (known,) = recognizer.recognize([astronaut])[0]
    crop = astronaut.convert("L").resize((48, 48), Image.Resampling.BILINEAR, box=known.crop)
    blurred = crop.resize((5, 5)).resize((48, 48))  # too coarse for the detector
    (face,) = recognizer.recognize([blurred])[0]
    assert face.whole_image
    assert face.detection is None
    assert face.box == (0, 0, 48, 48)


@pytest.mark.parametrize("size", [(1, 1), (23, 23), (48, 100), (225, 225), (640, 480)])
def test_other_pictures_without_a_face_have_none(recognizer, size):
    assert recognizer.recognize([Image.new("RGB", size, "gray")]) == [[]]


def test_boxes_lie_inside_the_photo(recognizer, astronaut):
    tight = astronaut.crop((185, 70, 262, 168))
    faces = recognizer.recognize([tight, tight.resize((308, 392))])
    for photo, size in zip(faces, (tight.size, (308, 392)), strict=True):
        for face in photo:
            assert 0 <= face.box.x1 < face.box.x2 <= size[0]
            assert 0 <= face.box.y1 < face.box.y2 <= size[1]
            assert 0 <= face.crop.x1 < face.crop.x2 <= size[0]
            assert 0 <= face.crop.y1 < face.crop.y2 <= size[1]
            assert face.crop.width == pytest.approx(face.crop.height)


def test_each_photo_has_its_faces_or_what_is_wrong_in_bounded_batches(
    recognizer, astronaut, monkeypatch
):
    (expected,) = recognizer.recognize([astronaut])
    read = []

    def photos():
        for source in (astronaut, b"nonsense", astronaut, b"", astronaut):
            read.append(source)
            yield source

    monkeypatch.setattr("fer.recognizer.BATCH_PHOTOS", 2)
    found = recognizer.recognize_each(photos())
    assert next(found)[0].box == expected[0].box
    assert len(read) == 2
    problem, second, other, third = found
    assert (len(second), len(third)) == (1, 1)
    for error in (problem, other):
        assert isinstance(error, UnreadableImage)
        assert error.__traceback__ is None  # which would hold on to the file

    monkeypatch.setattr("fer.recognizer.BATCH_PHOTOS", 32)
    monkeypatch.setattr("fer.recognizer.BATCH_PIXELS", 512 * 512 + 1)
    read.clear()
    next(recognizer.recognize_each(photos()))
    assert len(read) == 3


def test_it_is_called_what_it_was_asked_for_by(recognizer, cnn_folder):
    assert recognizer.name == "cnn"
    by_path = Recognizer.from_pretrained(cnn_folder, detector=recognizer.detector)
    assert by_path.name == str(cnn_folder)
    assert Recognizer(recognizer.config, recognizer.network, recognizer.detector).name == "cnn"


def test_unreadable_photos_and_no_photos(recognizer, astronaut):
    assert recognizer.recognize([]) == []
    with pytest.raises(UnreadableImage, match="Photo 2: This is not an image"):
        recognizer.recognize([astronaut, b"nonsense"])


def test_a_face_as_plain_values():
    face = Face(
        Box(1.0, 2.0, 3.0, 4.0),
        Box(0.0, 0.0, 5.0, 5.0),
        0.5,
        (0.1, 0.0, 0.2, 0.4, 0.1, 0.1, 0.1),
        threshold=0.5,
    )
    assert face.to_dict() == {
        "emotion": "happy",
        "confidence": 0.4,
        "certain": False,
        "box": [1.0, 2.0, 3.0, 4.0],
        "detection": 0.5,
        "whole_image": False,
        "probabilities": dict(zip(EMOTIONS, face.probabilities, strict=True)),
    }


def test_boxes_of_a_photo_decoded_small_are_in_its_own_pixels(recognizer, astronaut, tmp_path):
    astronaut.resize((4096, 4096)).save(tmp_path / "large.jpg")
    assert recognizer.read(tmp_path / "large.jpg").image.size == (2048, 2048)
    (small,) = recognizer.recognize([astronaut])[0]
    (large,) = recognizer.recognize([tmp_path / "large.jpg"])[0]
    assert np.allclose(np.array(large.box) / 8, small.box, atol=5)
    assert np.allclose(np.array(large.crop) / 8, small.crop, atol=5)
    assert large.emotion == small.emotion


@pytest.mark.parametrize("how", ["cut off", "closed"])
def test_an_opened_photo_that_cannot_be_decoded_is_one_sentence(how, recognizer, astronaut):
    buffer = io.BytesIO()
    astronaut.save(buffer, "JPEG")
    data = buffer.getvalue()
    opened = Image.open(io.BytesIO(data[: len(data) // 2] if how == "cut off" else data))
    if how == "closed":
        opened.close()
    problem, faces = recognizer.recognize_each([opened, astronaut])
    assert isinstance(problem, UnreadableImage)
    assert str(problem).startswith("The image is damaged: ")
    assert len(faces) == 1


def test_one_photo_where_several_are_meant_is_refused(recognizer, astronaut, tmp_path):
    astronaut.save(tmp_path / "a.jpg")
    pixels = np.asarray(astronaut)
    data = (tmp_path / "a.jpg").read_bytes()
    ones = [pixels, pixels[..., 0], torch.from_numpy(pixels.copy()), astronaut, data]
    ones += [bytearray(data), str(tmp_path / "a.jpg"), tmp_path / "a.jpg", io.BytesIO(data)]
    for one in ones:
        with pytest.raises(UnreadableImage, match=r"give \[photo\]"):
            recognizer.recognize(one)
    assert [len(faces) for faces in recognizer.recognize(pixels[None])] == [1]  # [N, H, W, 3]
    assert [len(faces) for faces in recognizer.recognize([bytearray(data)])] == [1]


@pytest.mark.parametrize("odd", [None, 7, ["a.jpg"], io.BytesIO(b"x"), "nul\0.jpg"])
def test_what_is_no_photo_is_one_sentence(odd, recognizer):
    with pytest.raises(UnreadableImage, match=r"\.$"):
        recognizer.recognize([odd])


@pytest.mark.parametrize("model", ["cnn", "mobilenet"])
def test_from_an_embedding_the_last_layer_gives_the_same_answer(model, astronaut):
    recognizer = Recognizer.from_pretrained(model)
    crop = astronaut.crop((150, 20, 310, 200))
    (plain,), (face,) = recognizer.recognize([crop]), recognizer.recognize([crop], embeddings=True)
    assert [f.probabilities for f in plain] == [f.probabilities for f in face]
    assert plain[0].embedding is None
    last = [layer for layer in recognizer.network.modules() if isinstance(layer, torch.nn.Linear)][
        -1
    ]
    logits = last(torch.tensor(face[0].embedding)) / recognizer.config.temperature
    # The mean of several views' embeddings is near the mean of their answers, not equal to it.
    near = 1e-5 if recognizer.config.preprocessing.views == "plain" else 0.1
    assert logits.softmax(0).tolist() == pytest.approx(face[0].probabilities, abs=near)


def test_embeddings_are_those_of_the_photos_that_were_asked_for(recognizer, astronaut, crowd):
    [[expected]] = recognizer.recognize([astronaut], embeddings=True)
    others = [Thread(target=recognizer.recognize, args=([crowd],))]

    def ask_beside(*_):
        while others:
            others[0].start()
            others.pop().join(timeout=60)

    hook = recognizer.network.register_forward_pre_hook(ask_beside)
    try:
        [[face]] = recognizer.recognize([astronaut], embeddings=True)
    finally:
        hook.remove()
    assert not others
    assert face.embedding == expected.embedding


def test_an_ensemble_has_no_embeddings(astronaut):
    with pytest.raises(FerError, match="ask one of its members"):
        Recognizer.from_pretrained("ensemble").recognize([astronaut], embeddings=True)
