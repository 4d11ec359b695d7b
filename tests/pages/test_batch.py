import gc
import io
import time
import zipfile

import pandas as pd
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.batch.ways_in import jobs
from app.pictures import with_faces, zipped
from app.server.archives import unzip
from app.server.jobs import Jobs
from app.server.uploads import Limits
from app.shared import load_recognizer
from fer.emotions import EMOTIONS
from fer.errors import NoLongerKept
from tests.conftest import ROOT
from tests.pages.conftest import jpeg, open_page

PATIENCE = 60  # seconds


@pytest.fixture(scope="module")
def face(astronaut) -> bytes:
    """A photo with one happy face, small so that it is found soon."""
    return jpeg(astronaut.crop((100, 0, 360, 260)))


@pytest.fixture(scope="module")
def mixed(face) -> bytes:
    """A zip with two faces, a damaged photo and a file that is none."""
    return packed({"a/=1.jpg": face, "a/2.jpg": face, "a/cut.jpg": face[:3000], "notes.txt": b""})


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def score(app: AppTest) -> AppTest:
    """Press the button and look on until the batch is done."""
    app.button(key="go").click().run()
    until = time.monotonic() + PATIENCE
    while app.get("progress"):
        assert time.monotonic() < until
        app.run()
    assert not app.exception
    return app


def score_zip(data: bytes) -> AppTest:
    app = open_page("batch")
    app.get_by_key("way").set_value("zip").run()
    app.file_uploader(key="zip-0").upload("trip.zip", data).run()
    return score(app)


@pytest.fixture(scope="module")
def scored(mixed) -> str:
    """The id of a finished result."""
    return address(score_zip(mixed))


def address(app: AppTest) -> str:
    """The id in the page's address."""
    return "".join(app.query_params["batch"])


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_opens_with_the_ways_in():
    app = open_page("batch")
    assert app.button(key="go").disabled
    assert not app.warning
    assert not app.dataframe


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("upload", "What do these faces show?"),
        ("compare", "Which model to trust, and for what"),
        ("batch", "Score a whole folder"),
    ],
)
def test_a_page_comes_with_the_app_around_it_even_if_it_is_asked_for_first(
    page, title, monkeypatch
):
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    # Streamlit's own default until the first run of `st.navigation` in a server's life.
    monkeypatch.setattr("streamlit.runtime.pages_manager.PagesManager.uses_pages_directory", True)
    app.switch_page(f"pages/{page}.py").run()
    assert app.title[0].value == title
    assert any("not a feeling" in caption.value for caption in app.caption)


def test_a_zip_is_scored_and_every_file_accounted_for(mixed):
    app = score_zip(mixed)
    table = app.dataframe[0].value
    assert table["path"].tolist() == ["a/=1.jpg", "a/2.jpg", "a/cut.jpg"]
    assert table["status"].tolist() == ["ok", "ok", "error"]
    assert table["emotion"].tolist()[:2] == ["happy", "happy"]
    assert metrics(app) == {
        "Photos": "3",
        "Faces": "2",
        "Photos without a face": "0",
        "Unreadable files": "1",
    }
    assert "Other files skipped: 1" in " ".join(caption.value for caption in app.caption)
    assert len(app.get("plotly_chart")) == 1
    assert len(app.get("image")) == 2
    assert [button.label for button in app.get("download_button")] == [
        "CSV: 3 rows",
        "Parquet: 3 rows",
        "CSV for Excel: 3 rows",
        "Faces shown",
        "Faces blurred",
        "Faces covered",
        "Report: the whole batch",
    ]


def test_photos_are_scored(face):
    app = open_page("batch")
    app.file_uploader(key="photos-0").upload("1.jpg", face).upload("2.jpg", b"junk").run()
    assert app.button(key="go").label == "Score 2 photos"
    assert score(app).dataframe[0].value["status"].tolist() == ["ok", "error"]


def test_a_folder_is_scored_with_its_paths(face):
    app = open_page("batch")
    app.get_by_key("way").set_value("folder").run()
    app.file_uploader(key="folder-0").upload("trip/day/1.jpg", face).upload(
        "trip/2.jpg", face
    ).run()
    assert score(app).dataframe[0].value["path"].tolist() == ["day/1.jpg", "2.jpg"]


def test_a_refresh_keeps_a_finished_result(scored):
    app = open_page("batch", batch=scored)
    assert metrics(app)["Faces"] == "2"
    assert len(app.get("image")) == 2


def test_another_visitor_is_not_shown_it(scored):
    app = open_page("batch")
    assert not app.dataframe
    assert not app.metric
    app = open_page("batch", batch=scored[:-1] + ("a" if scored[-1] != "a" else "b"))
    assert not app.dataframe
    assert "no longer kept" in app.warning[0].value
    assert app.file_uploader


def test_filters_narrow_table_gallery_and_downloads(scored):
    app = open_page("batch", batch=scored)
    app.get_by_key("status").set_value(["error"]).run()
    assert app.dataframe[0].value["path"].tolist() == ["a/cut.jpg"]
    assert not app.get("image")
    assert app.get("download_button")[0].label == "CSV: 1 rows chosen"
    app.get_by_key("status").set_value([]).run()
    app.get_by_key("emotion").set_value(["sad"]).run()
    assert app.dataframe[0].value.empty
    app.get_by_key("emotion").set_value(list(EMOTIONS)).run()
    assert len(app.get("image")) == 2
    app.slider(key="confidence").set_range(0, 1).run()
    assert app.dataframe[0].value.empty
    assert not app.exception


def test_a_new_batch_leaves_the_result_at_its_address(scored):
    app = open_page("batch", batch=scored)
    app.button(key="new").click().run()
    assert app.file_uploader
    assert "batch" not in app.query_params
    assert metrics(open_page("batch", batch=scored))["Faces"] == "2"


def test_a_deleted_result_is_gone_for_all(mixed):
    app = score_zip(mixed)
    id_ = address(app)
    app.button(key="forget").click().run()
    assert metrics(open_page("batch", batch=id_))["Faces"] == "2"  # it is asked first
    app.button(key="forget-now").click().run()
    assert app.file_uploader
    assert "no longer kept" in open_page("batch", batch=id_).warning[0].value


def test_a_page_that_is_open_has_nothing_of_a_result_that_was_deleted(monkeypatch, face):
    made = []
    button = st.download_button

    def noted(label, data, *args, **options):
        made.append(data)
        return button(label, data, *args, **options)

    monkeypatch.setattr(st, "download_button", noted)
    app = score_zip(packed({"here-alone.jpg": face}))
    app.button(key="labelling-button").click().run()
    assert len(made) >= 7
    assert all(len(make()) > 100 for make in made)
    jobs().forget(address(app))
    for make in made:
        with pytest.raises(NoLongerKept):
            make()
    gc.collect()
    assert not [
        table
        for table in gc.get_objects()
        if type(table) is pd.DataFrame and "path" in table and "here-alone.jpg" in [*table.path]
    ]
    app.button(key="label-happy").click().run()
    assert not app.exception
    assert "no longer kept" in app.warning[0].value


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"no zip", "not a zip archive"),
        (packed({"notes.txt": b""}), "no photos in 'trip.zip'"),
        (packed({f"{number}.jpg": b"x" for number in range(4)}), "more than 3 files"),
        (packed({"1.jpg": bytes(3_000_000)}), "limit here is 2 MB"),
    ],
)
def test_a_zip_that_is_refused_gets_a_sentence_and_stays(monkeypatch, data, sentence):
    limits = Limits(files=3, total_bytes=2_000_000)
    monkeypatch.setattr("app.batch.ways_in.SENT", limits)
    app = score_zip(data)
    assert sentence in app.error[0].value
    assert app.file_uploader(key="zip-0").value.name == "trip.zip"


def test_a_face_in_the_gallery_opens_its_photo(scored):
    app = open_page("batch", batch=scored)
    assert any(caption.value == "1 to 2 of 2" for caption in app.caption)
    names = [button for button in app.button if (button.key or "").startswith("photo-")]
    assert [button.label for button in names] == ["\\=1\\.jpg", "2\\.jpg"]
    names[1].click().run()
    assert not app.exception
    assert len(app.get("image")) == 3
    assert any(text.value == "a/2.jpg" for text in app.text)


def test_faces_are_labelled_one_by_one_and_compared(scored):
    app = open_page("batch", batch=scored)
    app.button(key="labelling-button").click().run()
    app.button(key="label-sad").click().run()
    undo = app.button(key="label-undo")
    undo.click().run()
    undo.click().run()  # a second press that comes late
    assert not app.exception
    app.button(key="label-happy").click().run()
    app.button(key="label-skip").click().run()
    app.button(key="label-fear").click().run()
    assert not app.exception
    assert list(app.session_state.labels[scored].values()) == ["happy", "fear"]
    assert "label-happy" not in [button.key for button in app.button]
    app.button(key="label-compare").click().run()
    assert not app.exception
    assert app.title[0].value == "Which model to trust, and for what"
    assert any("that you labelled on the batch page" in info.value for info in app.info)
    tables = [table.value for table in app.dataframe if "faces" in table.value]
    assert tables[0]["faces"].tolist() == [2]
    assert tables[0]["accuracy"].tolist() == [0.5]


def test_faces_that_are_skipped_come_round_in_turn(astronaut, face):
    other = jpeg(astronaut.crop((90, 0, 350, 260)))
    app = score_zip(packed({"1.jpg": face, "2.jpg": other, "3.jpg": face}))
    app.button(key="labelling-button").click().run()
    app.button(key="label-happy").click().run()
    asked = []
    for _ in range(5):
        asked.append(app.get("image")[0].proto.imgs[0].url)
        app.button(key="label-skip").click().run()
    assert asked == [asked[0], asked[1]] * 2 + [asked[0]]
    assert asked[0] != asked[1]


def test_a_face_that_is_skipped_is_skipped_in_its_batch_alone(mixed, scored):
    app = open_page("batch", batch=scored)
    app.button(key="labelling-button").click().run()
    app.button(key="label-skip").click().run()
    app.query_params["batch"] = address(score_zip(mixed))
    app.run()
    app.button(key="labelling-button").click().run()
    app.button(key="label-happy").click().run()
    assert list(app.session_state.labels[address(app)]) == [0]


def test_a_batch_s_pictures_are_small_and_hide_faces(mixed):
    job = Jobs().start(unzip("trip.zip", mixed), load_recognizer("cnn"))
    assert job.wait(PATIENCE)
    assert list(job.result.pictures) == ["a/=1.jpg", "a/2.jpg"]
    data = zipped(
        (path, with_faces(picture, job.rows_of(path), hiding="covered"))
        for path, picture in job.result.pictures.items()
    )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["a__1-emotions.jpg", "a_2-emotions.jpg"]
        picture = Image.open(archive.open("a_2-emotions.jpg"))
    row = job.rows_of("a/2.jpg")[0]
    factor = picture.width / row["width"]
    centre = ((row["x1"] + row["x2"]) / 2 * factor, (row["y1"] + row["y2"]) / 2 * factor)
    assert max(picture.getpixel((int(centre[0]), int(centre[1])))) < 20


def ways(app: AppTest) -> list[str]:
    return app.get_by_key("way").options


def test_no_folder_of_the_server_is_offered_to_who_is_not_at_this_machine(monkeypatch):
    monkeypatch.delenv("FER_BATCH_ROOT", raising=False)
    assert not [way for way in ways(open_page("batch")) if "server" in way]


def test_a_folder_of_the_server_is_scored_inside_the_allowed_folder_only(
    monkeypatch, tmp_path, face
):
    (tmp_path / "allowed" / "trip").mkdir(parents=True)
    (tmp_path / "allowed" / "trip" / "1.jpg").write_bytes(face)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.jpg").write_bytes(face)
    (tmp_path / "allowed" / "trip" / "2.jpg").symlink_to(tmp_path / "secret" / "key.jpg")
    monkeypatch.setenv("FER_BATCH_ROOT", str(tmp_path / "allowed"))
    app = open_page("batch")
    app.get_by_key("way").set_value("server").run()
    for outside in (str(tmp_path / "secret"), "../secret", "trip/../../secret"):
        app.text_input[0].set_value(outside)
        app.form_submit_button[0].click().run()
        assert "There is no folder" in app.error[0].value
    app.text_input[0].set_value("trip")
    app.form_submit_button[0].click().run()
    until = time.monotonic() + PATIENCE
    while app.get("progress"):
        assert time.monotonic() < until
        app.run()
    table = app.dataframe[0].value
    assert table["path"].tolist() == ["1.jpg", "2.jpg"]
    assert table["status"].tolist() == ["ok", "error"]
    assert "link" in table["error"].tolist()[1]
