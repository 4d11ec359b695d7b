import gc
import io
import threading
import time
import weakref

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from app.server import jobs as module
from app.server.jobs import Jobs, Progress, to_csv, to_excel_csv, to_pandas, to_parquet
from app.server.uploads import Batch
from fer.errors import NoLongerKept, NothingToScore, TooMuch
from fer.scoring.csv_output import HEADER
from fer.scoring.folder import Entry
from fer.scoring.parquet_output import SCHEMA
from fer.scoring.rows import COLUMNS, error_row

PATIENCE = 60  # seconds


@pytest.fixture(scope="module")
def face(astronaut) -> bytes:
    """A photo with one face, small so that it is found soon."""
    buffer = io.BytesIO()
    astronaut.crop((100, 0, 360, 260)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def batch(*files: bytes, name: str = "mine") -> Batch:
    entries = [Entry(f"{number}.jpg", lambda data=data: data) for number, data in enumerate(files)]
    return Batch(name, entries, 0)


class Gate:
    """A batch whose last file is not read before it is opened."""

    def __init__(self, *files: bytes, after: int = 0) -> None:
        self.open = threading.Event()
        last = [Entry(f"last-{number}.jpg", self.read) for number in range(after + 1)]
        self.batch = Batch("gated", [*batch(*files).entries, *last], 0)

    def read(self) -> bytes:
        assert self.open.wait(PATIENCE)
        return b"not a photo"


def test_a_batch_is_scored_in_the_background(recognizer, face):
    wall = io.BytesIO()
    Image.new("RGB", (300, 200), "beige").save(wall, "PNG")
    store = Jobs()
    job = store.start(batch(face, b"junk", wall.getvalue()), recognizer)
    assert job.wait(PATIENCE)
    assert job.complete
    table = to_pandas(job.table())
    assert tuple(table.columns) == COLUMNS
    assert table["path"].tolist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert table["status"].tolist() == ["ok", "error", "no_face"]
    assert table["emotion"].tolist()[0] == "happy"
    assert set(table["model"]) == {"cnn"}
    progress = job.progress()
    assert (progress.total, progress.done, progress.faces, progress.errors) == (3, 3, 1, 1)
    assert store.find(job.id) is job
    assert list(job.result.crops) == [0]
    assert Image.open(io.BytesIO(job.result.crops[0])).size == (112, 112)


def test_downloads_are_what_the_command_line_writes(recognizer, face):
    job = Jobs().start(batch(face, b"junk"), recognizer)
    assert job.wait(PATIENCE)
    lines = to_csv(job.table()).splitlines(keepends=True)
    assert lines[0] == HEADER
    assert lines[1].startswith(b"0.jpg,ok,1,")
    assert lines[2].startswith(b"1.jpg,error,,")
    again = pq.read_table(pa.BufferReader(to_parquet(job.table())))
    assert again.equals(job.table())


def one_by_one(entries, recognizer, *, readers, stop):
    """An engine that has the rows of a file before it reads the next."""
    for entry in entries:
        if stop.is_set():
            return
        row = {"path": entry.path, "status": "no_face", "model": recognizer.name}
        yield [row | {"error": entry.read()}]


def test_partial_rows_are_there_while_it_runs_and_cancel_keeps_them(recognizer, monkeypatch):
    monkeypatch.setattr(module, "score_entries", one_by_one)
    gate = Gate(b"junk", b"junk", b"junk", after=50)
    job = Jobs().start(gate.batch, recognizer)
    until = time.monotonic() + PATIENCE
    while job.progress().done < 3:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert job.running
    assert to_csv(job.table()).count(b"\n") == 4
    job.cancel()
    assert job.cancelling
    gate.open.set()
    assert job.wait(PATIENCE)
    assert not job.complete
    assert not job.failure
    assert len(job.table()) == job.progress().done == 4


def test_what_nobody_foresaw_ends_the_job_and_keeps_what_is_done(recognizer, monkeypatch, caplog):
    def scored(*args, **options):
        yield [{"path": "0.jpg", "status": "no_face", "model": "cnn"}]
        raise RuntimeError("a bug")

    monkeypatch.setattr(module, "score_entries", scored)
    job = Jobs().start(batch(b"x", b"y"), recognizer)
    assert job.wait(PATIENCE)
    assert job.failure
    assert len(job.table()) == 1
    assert "a bug" in caplog.text


def test_the_gallery_keeps_so_many_of_an_emotion(recognizer, face, monkeypatch):
    monkeypatch.setattr(module, "CROPS_EACH", 2)
    monkeypatch.setattr("app.server.background.CHUNK", 2)
    job = Jobs().start(batch(face, face, face), recognizer)
    assert job.wait(PATIENCE)
    assert sorted(job.result.crops) == [0, 1]
    assert len(job.table()) == 3


def test_the_table_of_work_that_has_ended_is_of_one_piece(recognizer, face, monkeypatch):
    """A photo's rows are looked for in each piece, and a zip of pictures asks for each photo's."""
    monkeypatch.setattr("app.server.background.CHUNK", 1)
    job = Jobs().start(batch(face, b"x", face, b"y"), recognizer)
    assert job.wait(PATIENCE)
    table = job.table()
    assert len(table) == 4
    assert len([piece for piece in table["path"].chunks if len(piece)]) == 1


def test_a_photo_that_has_gone_since_has_no_picture(recognizer, face):
    reads = iter([face])

    def read() -> bytes:
        try:
            return next(reads)
        except StopIteration:
            raise FileNotFoundError(2, "gone") from None

    job = Jobs().start(Batch("mine", [Entry("0.jpg", read)], 0), recognizer)
    assert job.wait(PATIENCE)
    assert job.complete
    assert to_pandas(job.table())["emotion"].tolist() == ["happy"]
    assert job.result.crops == {}


def test_ids_cannot_be_guessed_and_an_unknown_one_finds_nothing(recognizer):
    store = Jobs()
    first, second = (store.start(batch(b"x"), recognizer) for _ in range(2))
    assert first.id != second.id
    assert len(first.id) >= 32
    assert store.find(first.id[:-1]) is None
    assert store.find("") is None


def test_an_empty_batch_is_refused(recognizer):
    with pytest.raises(NothingToScore, match="no photos in 'mine'"):
        Jobs().start(Batch("mine", [], 3), recognizer)


def test_no_more_run_at_a_time_than_allowed(recognizer):
    store, gate = Jobs(running=1), Gate()
    job = store.start(gate.batch, recognizer)
    with pytest.raises(TooMuch, match="try again"):
        store.start(batch(b"x"), recognizer)
    gate.open.set()
    assert job.wait(PATIENCE)
    assert store.start(batch(b"x"), recognizer).wait(PATIENCE)


def finished(store: Jobs, recognizer, count: int) -> list[module.Job]:
    made = []
    for _ in range(count):
        job = store.start(batch(b"x"), recognizer)
        assert job.wait(PATIENCE)
        made.append(job)
    return made


def test_the_oldest_results_go_first(recognizer):
    store = Jobs(kept=2)
    made = finished(store, recognizer, 4)
    assert [store.find(job.id) is not None for job in made] == [False, False, True, True]


def test_results_are_held_to_a_size_but_the_newest_stays(recognizer):
    store = Jobs(kept_bytes=1)
    made = finished(store, recognizer, 2)
    assert [store.find(job.id) is not None for job in made] == [False, True]


def test_a_result_goes_when_its_time_is_over(recognizer):
    store = Jobs(kept_seconds=-1)
    (job,) = finished(store, recognizer, 1)
    assert store.find(job.id) is None


def test_nothing_is_left_running_for_the_results_that_are_kept(recognizer):
    store = Jobs(kept_seconds=2)
    before = threading.active_count()
    made = finished(store, recognizer, 5)
    assert threading.active_count() <= before + 1  # one timer for all of them
    until = time.monotonic() + PATIENCE
    while store._works and time.monotonic() < until:
        time.sleep(0.1)  # nobody asks for them
    assert not store._works
    (later,) = finished(store, recognizer, 1)
    assert store.find(later.id) is later
    assert store.find(made[0].id) is None


def test_running_jobs_stay_whatever_the_limits(recognizer):
    store, gate = Jobs(kept=1, kept_bytes=0, kept_seconds=-1), Gate()
    job = store.start(gate.batch, recognizer)
    assert store.find(job.id) is job
    gate.open.set()
    assert job.wait(PATIENCE)


def test_forgetting_stops_and_drops(recognizer):
    store, gate = Jobs(), Gate(after=50)
    job = store.start(gate.batch, recognizer)
    store.forget(job.id)
    assert store.find(job.id) is None
    gate.open.set()
    assert job.wait(PATIENCE)
    assert not job.complete


@pytest.mark.parametrize("end", ["deleted", "expired", "beyond the limits", "deleted at work"])
def test_whoever_still_knows_a_job_has_nothing_of_a_result_that_is_dropped(recognizer, face, end):
    store = Jobs(kept_seconds=-1 if end == "expired" else 60, kept=1)
    gate = Gate(face, after=50)
    job = store.start(gate.batch, recognizer)
    result = weakref.ref(job.result)
    if end == "deleted at work":
        store.forget(job.id)
    gate.open.set()
    assert job.wait(PATIENCE)
    if end == "beyond the limits":
        finished(store, recognizer, 1)
    elif end == "deleted":
        store.forget(job.id)
    gc.collect()
    assert result() is None
    with pytest.raises(NoLongerKept, match="no longer kept"):
        job.table()


def test_rate_and_time_left():
    progress = Progress(total=100, done=20, faces=0, errors=0, seconds=10.0)
    assert (progress.rate, progress.remaining) == (2.0, 40.0)
    assert Progress(100, 0, 0, 0, 0.0).remaining is None


def test_excel_is_told_that_names_are_utf8():
    table = pa.Table.from_pylist([error_row("é.jpg", OSError("x"), "cnn")], schema=SCHEMA)
    assert to_excel_csv(table).decode("utf-8-sig") == to_csv(table).decode()
    assert to_excel_csv(table).startswith(b"\xef\xbb\xbf")
