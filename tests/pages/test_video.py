import time

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import open_page
from tools.videos import crossing, filmed, steady

PATIENCE = 120  # seconds


def score(data: bytes) -> AppTest:
    app = open_page("video")
    app.get_by_key("model").set_value("cnn").run()
    app.file_uploader[0].upload("crossing.mp4", data).run()
    app.button(key="go").click().run()
    until = time.monotonic() + PATIENCE
    while app.get("progress"):
        assert time.monotonic() < until
        app.run()
    assert not app.exception
    return app


def address(app: AppTest) -> str:
    return "".join(app.query_params["video"])


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


@pytest.fixture(scope="module")
def scored() -> str:
    """The id of a finished result."""
    return address(score(filmed(crossing, steady(3))))


def test_opens_with_the_way_in():
    app = open_page("video")
    assert app.title[0].value == "A video becomes a timeline"
    assert app.button(key="go").disabled
    assert not app.dataframe


def test_each_person_has_a_timeline_and_the_table_its_times(scored):
    app = open_page("video", video=scored)
    assert metrics(app) == {"Frames": "15", "Faces": metrics(app)["Faces"], "People": "2"}
    charts = [chart.proto.id for chart in app.get("plotly_chart")]
    assert sum("timeline" in chart for chart in charts) == 2
    assert [button.label for button in app.get("download_button")] == [
        "CSV",
        "Parquet",
        "Video with boxes",
    ]
    assert "Nobody's expression changed." in [caption.value for caption in app.caption]
    table = app.dataframe[-1].value
    assert table["time"].is_monotonic_increasing
    assert set(table["track"].dropna()) == {1, 2}


def test_the_slider_shows_another_moment(scored):
    app = open_page("video", video=scored)
    slider = app.get_by_key("moment")
    assert slider.value == 0
    slider.set_value(1.4).run()
    assert not app.exception
    assert app.get_by_key("moment").value == pytest.approx(1.4)


def test_another_visitor_is_not_shown_it(scored):
    assert not open_page("video").metric
    app = open_page("video", video=scored[:-1] + ("a" if scored[-1] != "a" else "b"))
    assert not app.metric
    assert "no longer kept" in app.warning[0].value


def test_a_deleted_result_is_gone_for_all():
    app = score(filmed(crossing, steady(0.4)))
    id_ = address(app)
    app.button(key="forget").click().run()
    app.button(key="forget-not").click().run()
    assert not open_page("video", video=id_).warning
    app.button(key="forget").click().run()
    app.button(key="forget-now").click().run()
    assert app.file_uploader
    assert "no longer kept" in open_page("video", video=id_).warning[0].value


@pytest.mark.parametrize(
    ("data", "sentence"), [(b"no video", "not a video"), (b"", "The file is empty.")]
)
def test_what_is_no_video_gets_a_sentence(data, sentence):
    app = score(data)
    assert sentence in app.error[0].value
    assert app.file_uploader


def test_a_video_without_faces_says_so():
    app = score(filmed(lambda time: [], steady(0.4)))
    assert "No face was found" in app.info[0].value
