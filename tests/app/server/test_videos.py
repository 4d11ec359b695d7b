import io
import time

import av
import pytest

from app.server.videos import SCHEMA, Videos
from fer.errors import TooMuch, UnreadableVideo
from fer.video.reading import Every
from tools.videos import crossing, filmed, steady

PATIENCE = 120  # seconds
EVERY = Every(seconds=0.5)


@pytest.fixture(scope="module")
def data() -> bytes:
    return filmed(crossing, steady(3), sound="aac", seconds=3)


def start(store, data, recognizer, **options):
    options = {"smoothing": True, "annotated": False} | options
    return store.start("crossing.mp4", data, recognizer, EVERY, **options)


def test_a_video_is_scored_and_drawn_in_the_background(recognizer, data):
    store = Videos()
    work = start(store, data, recognizer, annotated=True)
    assert store.find(work.id) is work
    assert work.wait(PATIENCE)
    assert work.failure is None
    table = work.table()
    assert table.schema == SCHEMA
    assert sorted(set(table["track"].to_pylist())) == [1, 2]
    assert work.progress().frames == 6
    assert set(work.portraits) == {1, 2}
    with av.open(io.BytesIO(work.annotated)) as made:
        assert made.streams.best("audio") is not None
        assert sum(1 for _ in made.decode(video=0)) == 75
    assert work.nbytes > len(data) + len(work.annotated)


def test_a_cancelled_video_keeps_what_is_done(recognizer):
    work = start(Videos(), filmed(crossing, steady(3)), recognizer, annotated=True)
    until = time.monotonic() + PATIENCE
    while not work.progress().frames and work.running and time.monotonic() < until:
        time.sleep(0.01)
    work.cancel()
    assert work.wait(PATIENCE)
    assert work.failure is None
    assert work.annotated is None


def test_what_is_no_video_is_refused_at_once(recognizer):
    with pytest.raises(UnreadableVideo):
        start(Videos(), b"no video", recognizer)


def test_no_more_run_than_may(recognizer, data):
    store = Videos(running=1)
    first = start(store, data, recognizer)
    if first.running:
        with pytest.raises(TooMuch, match="1 videos are being scored"):
            start(store, data, recognizer)
    assert first.wait(PATIENCE)
    store.forget(first.id)
    assert store.find(first.id) is None
