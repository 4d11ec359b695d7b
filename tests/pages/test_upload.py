import io
import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from app.shared import load_recognizer
from fer.emotions import EMOTIONS
from tests.pages.conftest import jpeg, open_app


def upload(app, **files: bytes):
    """Upload files, by name with `_` for the dot, and run the page."""
    for name, data in files.items():
        app.file_uploader[0].upload(name.replace("_", "."), data)
    app.run()
    assert not app.exception
    return app


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def giant_png() -> bytes:
    """A valid header of 20,000 x 20,000 pixels with almost nothing behind it."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(60_001))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def test_opens_with_an_invitation(app):
    assert not app.exception
    assert "try the example" in app.info[0].value
    assert not app.dataframe


def test_a_photo_gives_its_face(app, astronaut):
    upload(app, me_jpg=jpeg(astronaut))
    table = app.dataframe[0].value
    assert table["path"].tolist() == ["me.jpg"]
    assert table["emotion"].tolist() == ["happy"]
    probabilities = table[[f"p_{emotion}" for emotion in EMOTIONS]].to_numpy()
    assert probabilities.sum() == pytest.approx(1, abs=7 * 0.5e-5)  # five decimals each
    assert any("**1 · happy**" in markdown.value for markdown in app.markdown)
    assert len(app.get("plotly_chart")) == 1
    assert len(app.get("download_button")) == 2


def test_several_photos_are_one_table(app, astronaut, crowd):
    upload(app, one_jpg=jpeg(astronaut), forty_jpg=jpeg(crowd))
    table = app.dataframe[0].value
    assert table["path"].value_counts().to_dict() == {"forty.jpg": 40, "one.jpg": 1}
    # Twelve cards of the forty until the rest is asked for.
    assert len(app.get("plotly_chart")) == 13
    app.toggle(key="all-1").set_value(True).run()
    assert len(app.get("plotly_chart")) == 41


def test_a_photo_without_a_face_says_so(app):
    upload(app, wall_jpg=jpeg(Image.new("RGB", (800, 600), "beige")))
    assert app.warning[0].value == "No face was found in this photo."
    assert app.dataframe[0].value["status"].tolist() == ["no_face"]


def test_a_small_square_picture_is_scored_whole_and_says_so(app):
    upload(app, crop_png=encoded(Image.linear_gradient("L").resize((48, 48)), "PNG"))
    assert app.dataframe[0].value["status"].tolist() == ["whole_image"]
    assert any("scored whole" in caption.value for caption in app.caption)


@pytest.mark.parametrize(
    ("name", "make", "sentence"),
    [
        ("text.jpg", lambda photo: b"I am a text file.", "not an image"),
        ("empty.jpg", lambda photo: b"", "is empty"),
        ("cut.jpg", lambda photo: jpeg(photo)[:9000], "is damaged"),
        ("giant.png", lambda photo: giant_png(), "too large"),
    ],
)
def test_a_bad_file_gets_a_sentence_and_the_others_are_scored(app, astronaut, name, make, sentence):
    app.file_uploader[0].upload(name, make(astronaut))
    upload(app, good_jpg=jpeg(astronaut))
    assert sentence in app.error[0].value
    table = app.dataframe[0].value.set_index("path")
    assert table.loc[name, "status"] == "error"
    assert table.loc["good.jpg", "emotion"] == "happy"


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("dot.png", lambda photo: encoded(Image.new("RGB", (1, 1)), "PNG")),
        ("cmyk.jpg", lambda photo: encoded(photo.convert("CMYK"), "JPEG")),
        ("deep.png", lambda photo: encoded(
            Image.fromarray(np.asarray(photo.convert("L"), np.uint16) * 257), "PNG")),
        ("palette.png", lambda photo: encoded(photo.convert("P"), "PNG")),
        ("moving.gif", lambda photo: encoded(
            photo, "GIF", save_all=True, append_images=[photo.rotate(180)])),
        ("clear.png", lambda photo: encoded(photo.convert("RGBA"), "PNG")),
    ],
)  # fmt: skip
def test_unusual_images_get_the_right_answer(app, astronaut, name, make):
    app.file_uploader[0].upload(name, make(astronaut))
    app.run()
    assert not app.exception
    assert not app.error
    row = app.dataframe[0].value.iloc[0]
    assert row["status"] == "no_face" if name == "dot.png" else row["emotion"] == "happy"


def test_shows_where_the_model_looked(app, astronaut):
    upload(app, me_jpg=jpeg(astronaut))
    plain = [image.proto.imgs[0].url for image in app.get("image")]
    app.toggle(key="explain").set_value(True).run()
    assert not app.exception
    tinted = [image.proto.imgs[0].url for image in app.get("image")]
    assert plain[0] == tinted[0]  # the photo
    assert plain[1] != tinted[1]  # the face's crop


def test_the_example_is_one_click(app):
    app.button(key="example_button").click().run()
    assert not app.exception
    assert app.dataframe[0].value["emotion"].tolist() == ["happy"]


def test_an_upload_takes_the_example_s_place(app, crowd):
    app.button(key="example_button").click().run()
    upload(app, forty_jpg=jpeg(crowd))
    assert set(app.dataframe[0].value["path"]) == {"forty.jpg"}


def test_switching_the_model_scores_again(astronaut, monkeypatch, cnn_folder, tmp_path):
    for name in ("cnn", "second"):
        shutil.copytree(cnn_folder, tmp_path / name)
    config = tmp_path / "second" / "config.json"
    values = config.read_text().replace('"temperature": ', '"temperature": 9')
    config.write_text(values)  # a much hotter temperature: flatter probabilities
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path)
    load_recognizer.clear()
    app = open_app()
    upload(app, me_jpg=jpeg(astronaut))
    before = app.dataframe[0].value["confidence"].item()
    app.selectbox(key="model").set_value("second").run()
    assert not app.exception
    assert app.dataframe[0].value["confidence"].item() < before - 0.2


def test_a_damaged_model_is_a_sentence(astronaut, monkeypatch, cnn_folder, tmp_path):
    shutil.copytree(cnn_folder, tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"")
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path)
    load_recognizer.clear()
    app = upload(open_app(), me_jpg=jpeg(astronaut))
    assert "cannot be loaded" in app.error[0].value
