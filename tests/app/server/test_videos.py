import gc
import io
import os
import sys
import tempfile
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import av
import pytest
from av.stream import Disposition
from PIL import Image

from app.server import videos as module
from app.server.videos import SCHEMA, Videos
from fer.errors import TooMuch, UnreadableVideo
from fer.faces.boxes import Box
from fer.video import reading
from fer.video.reading import Every, Video
from tools.videos import SIZE, crossing, encode, encoded_tone, filmed, person_at, scene, steady

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
    assert set(work.result.portraits) == {1, 2}
    with av.open(io.BytesIO(work.result.annotated)) as made:
        assert made.streams.best("audio") is not None
        assert sum(1 for _ in made.decode(video=0)) == 75
    assert work.result.nbytes > len(data) + len(work.result.annotated)


def test_a_video_that_takes_long_to_open_holds_up_nobody(recognizer, data, monkeypatch):
    store, opening, opened = Videos(), threading.Event(), threading.Event()

    class Slow(Video):
        def __init__(self, source):
            opening.set()
            assert opened.wait(PATIENCE)
            super().__init__(source)

    monkeypatch.setattr("app.server.videos.Video", Slow)
    with ThreadPoolExecutor(2) as pool:
        work = pool.submit(start, store, data, recognizer)
        try:
            assert opening.wait(PATIENCE)
            assert pool.submit(store.find, "another's").result(timeout=5) is None
        finally:
            opened.set()
        assert work.result(PATIENCE).wait(PATIENCE)


def test_a_cancelled_video_keeps_what_is_done(recognizer):
    work = start(Videos(), filmed(crossing, steady(3)), recognizer, annotated=True)
    until = time.monotonic() + PATIENCE
    while not work.progress().frames and work.running and time.monotonic() < until:
        time.sleep(0.01)
    work.cancel()
    assert work.wait(PATIENCE)
    assert work.failure is None
    assert work.result.annotated is None


@pytest.fixture
def frames_read(monkeypatch) -> list[float]:
    """The time of each frame that is decoded, in the order in which they are."""
    read = []
    decode = reading._Streams.decode

    def noted(self, near=0.0):
        for shown, frame in decode(self, near):
            read.append(shown)
            yield shown, frame

    monkeypatch.setattr(reading._Streams, "decode", noted)
    return read


def test_portraits_are_cut_in_one_pass_over_the_video(recognizer, frames_read):
    places = [(110, 170), (320, 180), (530, 170)]
    # An AVI cannot be read from a place on.
    data = filmed(lambda time: places, steady(3), kind="avi")
    work = start(Videos(), data, recognizer)
    assert work.wait(PATIENCE)
    assert len(work.result.portraits) == 3
    assert len(frames_read) <= 2 * 75


def test_no_frame_is_read_once_a_scored_video_is_cancelled(
    recognizer, data, frames_read, monkeypatch
):
    score = module.score_frames

    def scored(*args, **options):
        yield from score(*args, **options)
        work.cancel()
        frames_read.clear()

    monkeypatch.setattr(module, "score_frames", scored)
    work = module.VideoWork("crossing.mp4", data, recognizer, EVERY)
    work.start()
    assert work.wait(PATIENCE)
    assert work.progress().faces
    assert not frames_read


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


@pytest.mark.parametrize("end", ["deleted", "expired", "stopped"])
def test_nothing_is_left_of_a_video_that_is_over(recognizer, data, end, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened = set(os.listdir("/proc/self/fd"))
    data = bytes(bytearray(data))  # which nobody else has
    held = sys.getrefcount(data)
    store = Videos(kept_seconds=0.01 if end == "expired" else 60)
    work = start(store, data, recognizer, annotated=True)
    if end == "stopped":
        work.cancel()
    assert work.wait(PATIENCE)
    if end == "expired":
        until = time.monotonic() + PATIENCE
        while store.find(work.id) and time.monotonic() < until:
            time.sleep(0.01)
    else:
        store.forget(work.id)
    assert store.find(work.id) is None
    gc.collect()
    assert sys.getrefcount(data) == held  # a page that is open still knows the work
    gone = weakref.ref(work)
    del work
    gc.collect()
    assert gone() is None
    assert not list(tmp_path.rglob("*"))
    assert set(os.listdir("/proc/self/fd")) <= opened


def test_of_a_video_cut_off_what_is_there_is_shown_and_drawn(recognizer):
    whole = filmed(crossing, steady(3), kind="matroska")
    work = start(Videos(), whole[: len(whole) * 3 // 4], recognizer, annotated=True)
    assert work.wait(PATIENCE)
    assert work.failure is None
    assert "cut off" in work.problem
    assert work.table()["status"].to_pylist()[-1] == "error"
    assert work.progress().faces >= 2
    with av.open(io.BytesIO(work.result.annotated)) as made:
        assert 10 < sum(1 for _ in made.decode(video=0)) < 75


def test_a_turned_video_is_scored_and_drawn_upright(recognizer):
    lying = ((at, scene(crossing(at)).transpose(Image.Transpose.ROTATE_270)) for at in steady(1))
    work = start(Videos(), encode(lying, rotation=90), recognizer, annotated=True)
    assert work.wait(PATIENCE)
    rows = work.table().to_pylist()
    assert {(row["width"], row["height"]) for row in rows} == {SIZE}
    for row in rows:
        box = Box(row["x1"], row["y1"], row["x2"], row["y2"])
        assert person_at(box, crossing(row["time"])) is not None
    with av.open(io.BytesIO(work.result.annotated)) as made:
        frame = next(made.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (*SIZE, 0)


def test_of_several_streams_those_that_players_choose_are_taken(recognizer):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as output:
        pictures = []
        for size in ((160, 90), SIZE):
            stream = output.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            pictures.append(stream)
        pictures[0].disposition, pictures[1].disposition = Disposition(0), Disposition.default
        tones = [output.add_stream("aac", rate=48_000) for _ in range(2)]
        for at in steady(1):
            for stream in pictures:
                picture = scene(crossing(at)).resize((stream.width, stream.height))
                output.mux(stream.encode(av.VideoFrame.from_image(picture)))
        for stream in pictures:
            output.mux(stream.encode())
        for tone in tones:
            for packet in encoded_tone(tone, 1):
                output.mux(packet)
    work = start(Videos(), buffer.getvalue(), recognizer, annotated=True)
    assert work.wait(PATIENCE)
    assert work.problem is None
    assert {(row["width"], row["height"]) for row in work.table().to_pylist()} == {SIZE}
    assert work.progress().frames == 2
    with av.open(io.BytesIO(work.result.annotated)) as made:
        assert [stream.type for stream in made.streams] == ["video", "audio"]
        assert sum(1 for _ in made.decode(video=0)) == 25
