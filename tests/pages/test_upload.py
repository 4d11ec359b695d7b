import io
import json
import shutil
import struct
import zlib
from functools import partial

import numpy as np
import pytest
from PIL import Image
from streamlit.runtime.uploaded_file_manager import DeletedFile

from app.photos.album import Album
from app.photos.views import PHOTOS
from app.photos.ways_in import take, take_shot
from app.server.addresses import VARIABLE, fetch_picture
from app.server.uploads import Limits
from app.shared import load_recognizer
from fer.emotions import EMOTIONS
from fer.errors import UnreadableImage
from fer.faces.detection import Detector
from tests.pages.conftest import jpeg, open_app
from tests.web_server import sends, web_server


def upload(app, **files: bytes):
    """Upload files, by name with `_` for the dot, and run the page."""
    for name, data in files.items():
        app.file_uploader[0].upload(name.replace("_", "."), data)
    app.run()
    assert not app.exception
    return app


def press(app, start: str, number: int):
    """Press one of the buttons whose keys start so, by its place among them."""
    [button for button in app.button if (button.key or "").startswith(start)][number].click().run()
    assert not app.exception
    return app


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


@pytest.fixture
def two_models(monkeypatch, cnn_folder, tmp_path):
    """The CNN, and the same with a much hotter temperature: flatter probabilities."""
    for name in ("cnn", "second"):
        shutil.copytree(cnn_folder, tmp_path / name)
    config = tmp_path / "second" / "config.json"
    config.write_text(config.read_text().replace('"temperature": ', '"temperature": 9'))
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path)
    load_recognizer.clear()
    yield tmp_path
    load_recognizer.clear()


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
    assert table["face"].tolist() == [1]
    assert table["emotion"].tolist() == ["happy"]
    probabilities = table[[f"p_{emotion}" for emotion in EMOTIONS]].to_numpy()
    assert probabilities.sum() == pytest.approx(100, abs=7 * 0.5e-3)  # five decimals each
    assert any("**1 · happy" in markdown.value for markdown in app.markdown)
    assert len(app.get("plotly_chart")) == 1
    assert [button.label for button in app.get("download_button")] == [
        "Download CSV",
        "Download CSV for Excel",
        "Download JSON",
        "Faces shown",
        "Faces blurred",
        "Faces covered",
    ]


def test_several_photos_are_small_until_one_is_opened(app, astronaut, crowd):
    upload(app, one_jpg=jpeg(astronaut), forty_jpg=jpeg(crowd))
    table = app.dataframe[0].value
    assert table["path"].tolist() == ["one.jpg"] + ["forty.jpg"] * 40
    assert metrics(app)["Faces"] == "41"
    assert not app.get("plotly_chart")
    assert len(app.get("image")) == 2
    press(app, "open-", 1)
    assert len(app.get("image")) == 1 + 1 + 12  # the photo, a face, cards until the rest is asked
    assert len(app.get("plotly_chart")) == 1
    assert [header.value for header in app.header] == ["40 faces"]  # and not that all are shown
    next(toggle for toggle in app.toggle if toggle.label == "Show all 40").set_value(True).run()
    assert len(app.get("image")) == 1 + 1 + 40
    app.button(key="face-17").click().run()
    assert any(markdown.value.startswith("**17 · ") for markdown in app.markdown)
    app.button(key="previous").click().run()
    assert len(app.get("image")) == 2
    app.button(key="back").click().run()
    assert metrics(app)["Photos"] == "2"


def test_photos_stay_while_another_page_is_looked_at_and_go_when_cleared(app, astronaut):
    upload(app, me_jpg=jpeg(astronaut))
    app.switch_page("pages/batch.py").run()
    app.switch_page("pages/upload.py").run()
    assert app.dataframe[0].value["emotion"].tolist() == ["happy"]
    app.button(key="clear").click().run()
    assert "try the example" in app.info[0].value
    assert "album" not in app.session_state or not app.session_state.album.shots


def test_two_photos_of_one_name_are_told_apart(app, astronaut):
    small = astronaut.crop((100, 0, 360, 260))
    app.session_state.album = album = Album()
    for photo in (small, small.rotate(5), small):  # the third is the first once more
        album.add("me.jpg", jpeg(photo))
    app.run()
    assert app.dataframe[0].value["path"].tolist() == ["me.jpg", "me (2).jpg"]


def test_photos_come_by_pages(app, astronaut):
    small = astronaut.crop((100, 0, 360, 260))
    photos = {f"{number:02}_jpg": jpeg(small.rotate(number / 9)) for number in range(30)}
    upload(app, **photos)
    assert len(app.dataframe[0].value) == 30
    assert len(app.get("image")) == PHOTOS
    assert any(caption.value == "1 to 24 of 30" for caption in app.caption)
    app.get_by_key("order").set_value("least sure first").run()
    confidence = app.dataframe[0].value.set_index("path")["confidence"]
    shown = confidence[[text.value for text in app.text]].tolist()
    assert shown == sorted(confidence)[:PHOTOS]


def test_what_was_taken_and_let_go_is_not_taken_again(monkeypatch):
    """As Streamlit hands it in again when a press breaks off the run that began with it."""

    class State(dict):
        __getattr__ = dict.__getitem__

    state = State({"files-0": [DeletedFile("1")], "camera-0": DeletedFile("2"), "photos_round": 1})
    before = dict(state)
    monkeypatch.setattr("app.photos.ways_in.st.session_state", state)
    take("files-0")
    take_shot("camera-0")
    assert state == before


def test_nothing_is_left_of_a_photo_that_is_removed(app, astronaut):
    upload(app, one_jpg=jpeg(astronaut), two_jpg=jpeg(astronaut.rotate(3)))
    assert len(app.session_state.thumbnails) == 2
    press(app, "open", 0)
    press(app, "remove", 0)
    (left,) = app.session_state.album.shots
    assert [digest for digest, _ in app.session_state.thumbnails] == [left.digest]


def test_a_change_of_model_looks_for_no_face_again(astronaut, crowd, monkeypatch, two_models):
    app = open_app()
    upload(app, me_jpg=jpeg(astronaut), forty_jpg=jpeg(crowd))
    before = app.dataframe[0].value["confidence"]

    def fail(self, images):
        raise AssertionError("faces are looked for again")

    monkeypatch.setattr(Detector, "detect", fail)
    app.selectbox(key="model").set_value("second").run()
    assert not app.exception
    after = app.dataframe[0].value["confidence"]
    assert len(after) == 41
    assert after[0] < before[0] - 20
    assert "".join(app.query_params["model"]) == "second"
    app.selectbox(key="model").set_value("cnn").run()
    assert app.dataframe[0].value["confidence"].tolist() == before.tolist()


def test_what_is_said_of_a_model_is_explained_by_the_measure_it_has(two_models):
    picker = open_app().selectbox(key="model")
    assert all(option.endswith("% by votes") for option in picker.options)
    assert "as most of ten people do (by votes)" in picker.help


def test_two_models_stand_side_by_side(astronaut, two_models):
    app = open_app()
    upload(app, me_jpg=jpeg(astronaut))
    app.selectbox(key="second_model").set_value("second").run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 2
    assert [text.value.partition(":")[0] for text in app.text][-2:] == ["cnn", "second"]


def test_an_unsure_face_says_so_with_its_two_likeliest_emotions(astronaut, two_models):
    config = two_models / "cnn" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"threshold": 0.9999}))
    app = open_app()
    upload(app, me_jpg=jpeg(astronaut))
    assert app.dataframe[0].value["certain"].tolist() == [False]
    assert any("**1 · unsure: happy" in markdown.value for markdown in app.markdown)


def test_a_photo_on_its_side_is_turned_and_says_so(app, astronaut):
    upload(app, side_jpg=jpeg(astronaut.transpose(Image.Transpose.ROTATE_90)))
    assert "turned a quarter clockwise" in app.info[0].value
    row = app.dataframe[0].value.iloc[0]
    assert (row["status"], row["emotion"]) == ("ok", "happy")


def test_a_photo_without_a_face_says_so(app):
    upload(app, wall_jpg=jpeg(Image.new("RGB", (800, 600), "beige")))
    assert "No face was found in this photo" in app.warning[0].value
    assert app.dataframe[0].value["status"].tolist() == ["no_face"]


def test_a_small_square_picture_is_the_whole_image_and_says_so(app):
    upload(app, crop_png=encoded(Image.linear_gradient("L").resize((48, 48)), "PNG"))
    assert app.dataframe[0].value["status"].tolist() == ["whole_image"]
    assert any("the whole image" in caption.value for caption in app.caption)


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


def test_shows_where_the_model_looked_beside_the_face(app, astronaut):
    upload(app, me_jpg=jpeg(astronaut))
    assert len(app.get("image")) == 2  # the photo and the face
    app.toggle(key="explain").set_value(True).run()
    assert not app.exception
    assert len(app.get("image")) == 4  # the heat and its legend with them


def test_the_example_is_one_click_and_comes_to_what_is_there(app, crowd):
    app.button(key="example_button").click().run()
    assert not app.exception
    assert app.dataframe[0].value["emotion"].tolist() == ["happy"]
    upload(app, forty_jpg=jpeg(crowd))
    assert list(dict.fromkeys(app.dataframe[0].value["path"])) == ["astronaut.jpg", "forty.jpg"]
    app.button(key="clear").click().run()
    upload(app, forty_jpg=jpeg(crowd))
    app.button(key="example_button").click().run()
    assert list(dict.fromkeys(app.dataframe[0].value["path"])) == ["forty.jpg", "astronaut.jpg"]


def test_what_is_stopped_shows_what_is_done_and_goes_on(app, astronaut):
    app.session_state.looking_stopped = True
    app.session_state.album = album = Album()
    for name, end in (("a.jpg", b"a"), ("b.jpg", b"b"), ("copy of b.jpg", b"b")):
        album.add(name, jpeg(astronaut) + end)
    album.results[album.shots[0].digest] = UnreadableImage("The file is damaged.")
    app.run()
    assert "2 of 3 photos were not looked at yet" in app.warning[0].value
    assert app.dataframe[0].value["path"].tolist() == ["a.jpg"]
    app.button(key="go_on").click().run()
    paths = app.dataframe[0].value["path"].tolist()
    assert paths == ["a.jpg", "b.jpg", "copy of b.jpg"]


def test_copies_of_a_photo_are_looked_at_once_and_counted_each(astronaut):
    album = Album()
    for name, end in (("a.jpg", b"1"), ("copy of a.jpg", b"1"), ("b.jpg", b"2")):
        album.add(name, jpeg(astronaut) + end)
    assert (len(album.pending), album.pending.total()) == (2, 3)


def test_a_file_that_is_no_photo_or_too_large_gets_a_sentence(app, monkeypatch, astronaut):
    monkeypatch.setattr("app.photos.album.SENT", Limits(file_bytes=1_000_000))
    upload(app, notes_txt=b"I am a text file.", big_jpg=bytes(2_000_000), me_jpg=jpeg(astronaut))
    assert [error.value.partition(" (")[0].partition(":")[0] for error in app.error] == [
        "This is not an image that can be read",
        "The file is not read",
    ]
    table = app.dataframe[0].value
    assert table["status"].tolist() == ["error", "error", "ok"]
    for left in (["error", "ok"], ["ok"]):
        [first, *_] = [button for button in app.button if button.label == "Remove"]
        first.click().run()
        assert app.dataframe[0].value["status"].tolist() == left


def test_a_damaged_model_is_a_sentence(astronaut, monkeypatch, cnn_folder, tmp_path):
    shutil.copytree(cnn_folder, tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"")
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path)
    load_recognizer.clear()
    app = upload(open_app(), me_jpg=jpeg(astronaut))
    assert "cannot be loaded" in app.error[0].value


def ask_for(app, url: str):
    """Hand in a web address and run the page."""
    app.text_input[0].set_value(url)
    next(button for button in app.button if button.label == "Fetch").click().run()
    assert not app.exception
    return app


def test_no_web_address_is_asked_for_unless_the_host_allows_it(app, monkeypatch):
    assert not app.text_input
    assert "Fetch" not in [button.label for button in app.button]
    monkeypatch.setenv(VARIABLE, "1")
    assert [field.label for field in open_app().text_input] == ["Web address of a picture"]


def test_a_picture_from_a_web_address_is_a_photo_like_others(monkeypatch, astronaut):
    monkeypatch.setenv(VARIABLE, "1")
    with web_server() as web:
        web.answers["/a/me.jpg?w=512"] = sends(jpeg(astronaut))
        fetch = partial(fetch_picture, may_reach=web.only, resolve=web.resolve)
        monkeypatch.setattr("app.photos.ways_in.fetch_picture", fetch)
        app = ask_for(open_app(), web.url("/a/me.jpg?w=512"))
    assert app.dataframe[0].value[["path", "emotion"]].values.tolist() == [["me.jpg", "happy"]]
    assert not app.text_input[0].value
    assert not app.error


def test_a_web_address_that_may_not_be_asked_is_a_sentence_on_the_page(monkeypatch, astronaut):
    monkeypatch.setenv(VARIABLE, "1")
    with web_server() as web:
        web.answers["/me.jpg"] = sends(jpeg(astronaut))
        app = ask_for(open_app(), web.url("/me.jpg", "localhost"))
        assert not web.asked
    [said] = [error.value for error in app.error]
    assert said.startswith(f"There is no `localhost:{web.port}` among the servers that may be")
    assert app.text_input[0].value  # to be mended
    assert not app.dataframe
    assert not app.run().error
