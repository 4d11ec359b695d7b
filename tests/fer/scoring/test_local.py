import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
import torch

from fer.errors import UnreadableImage
from fer.faces.preprocessing import Crops
from fer.scoring.duplicates import OnceEngine
from fer.scoring.folder import Entry, list_folder
from fer.scoring.local import BATCH, READERS, UNDECODED, classify, score_entries


def test_every_file_is_accounted_for_whatever_is_wrong_with_it(mixed, recognizer):
    entries = list(list_folder(mixed))
    assert len(entries) == 120
    photos = list(score_entries(entries, recognizer))
    assert [photo[0]["path"].removeprefix("./") for photo in photos] == [e.path for e in entries]
    statuses = [photo[0]["status"] for photo in photos]
    assert statuses.count("error") == 40
    assert statuses.count("no_face") == 20
    for photo in photos:
        if "two.webp" in photo[0]["path"]:
            assert [row["face"] for row in photo] == [1, 2]
        if photo[0]["status"] == "error":
            assert photo[0]["error"].endswith(".")
    assert len({photo[0]["error"] for photo in photos if photo[0]["status"] == "error"}) > 5


def test_neither_workers_nor_neighbours_change_a_row(mixed, recognizer):
    entries = [entry for entry in list_folder(mixed) if "folder 1" in entry.path]
    one = list(score_entries(entries, recognizer, workers=1))
    assert list(score_entries(entries, recognizer, workers=3)) == one
    others = list(score_entries(entries[::-1][:-7], recognizer, workers=2))
    assert others == one[::-1][:-7]


def test_a_face_s_place_in_a_batch_does_not_change_a_bit_of_its_result(recognizer):
    faces = torch.randint(
        0, 256, (BATCH + 5, 1, 48, 48), generator=torch.Generator().manual_seed(1)
    )
    faces = faces.to(torch.uint8)
    together = classify(recognizer, [Crops({48: faces})])
    for index in (0, 3, BATCH - 1, BATCH, BATCH + 4):
        alone = classify(recognizer, [Crops({48: faces[index : index + 1]})])[0]
        assert torch.equal(alone, together[index])
    assert torch.equal(classify(recognizer, [Crops({48: faces.flip(0)})]).flip(0), together)
    assert classify(recognizer, []).shape == (0, 7)


def test_the_same_as_the_library_s_answer(recognizer, tmp_path, astronaut):
    astronaut.save(tmp_path / "a.jpg")
    (row,) = next(score_entries(list_folder(tmp_path), recognizer))
    (face,) = recognizer.recognize([tmp_path / "a.jpg"])[0]
    assert row["p_happy"] == pytest.approx(face.probabilities[3], abs=1e-4)
    assert [row[edge] for edge in ("x1", "y1", "x2", "y2")] == pytest.approx(face.box, abs=0.1)


def test_runs_that_overlap_leave_torch_its_threads(recognizer):
    def run(gate):
        entries = [Entry("a.jpg", bytes), Entry("b.jpg", lambda: (gate.wait(60), b"")[1])]
        list(score_entries(entries, recognizer))

    def threads_of_a_new_thread():
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first, second = threading.Event(), threading.Event()
        with ThreadPoolExecutor(2) as pool:
            one = pool.submit(run, first)
            while threads_of_a_new_thread() == 2:  # until its workers have set theirs
                time.sleep(0.01)
            other = pool.submit(run, second)
            time.sleep(0.5)
            first.set()
            one.result()
            second.set()
            other.result()
        assert threads_of_a_new_thread() == 2
    finally:
        torch.set_num_threads(before)


def test_stops_after_what_was_begun(mixed, recognizer):
    entries = list(list_folder(mixed))
    stop = threading.Event()
    taken = 0

    def counted():
        nonlocal taken
        for entry in entries * 100:
            taken += 1
            yield entry

    photos = score_entries(counted(), recognizer, workers=2, stop=stop)
    next(photos)
    stop.set()
    rest = list(photos)
    assert len(rest) + 1 <= taken < 2 * len(entries)


def test_entries_are_taken_only_a_little_ahead_and_let_go_when_closed(mixed, recognizer):
    entries = list(list_folder(mixed))
    taken = []
    endless = (taken.append(entry) or entry for _ in range(10**6) for entry in entries)
    photos = score_entries(endless, recognizer, workers=2)
    next(photos)
    photos.close()
    assert len(taken) < 3 * len(entries)


@pytest.mark.parametrize("once", [False, True])
def test_large_files_are_read_ahead_only_up_to_so_many_bytes(once, recognizer, monkeypatch):
    begun, gate = [], threading.Event()

    def decode(data):
        assert gate.wait(60)
        raise UnreadableImage("This is not an image.")

    def read(number):
        begun.append(number)
        return number.to_bytes(50_000_000, "little")

    monkeypatch.setattr(recognizer, "read", decode)
    entries = [Entry(f"{number}.jpg", partial(read, number)) for number in range(100)]
    rows = (
        OnceEngine(recognizer, workers=16)(entries, threading.Event())
        if once
        else score_entries(entries, recognizer, workers=16)
    )
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(list, rows)
        before = -1
        while len(begun) > before:  # until it has had a second without a further one
            before = len(begun)
            time.sleep(1)
        gate.set()
        assert len(ended.result()) == len(begun) == 100
    assert UNDECODED // 50_000_000 <= before <= UNDECODED // 50_000_000 + 2 * READERS


def test_torch_s_own_threads_are_as_before(mixed, recognizer):
    before = torch.get_num_threads()
    entries = list(list_folder(mixed))[:3]
    list(score_entries(entries, recognizer))
    assert torch.get_num_threads() == before


def test_a_bug_is_not_taken_for_a_damaged_file(recognizer, mixed):
    def fail() -> bytes:
        raise ZeroDivisionError

    entry = Entry("a.jpg", fail)
    with pytest.raises(ZeroDivisionError):
        list(score_entries([entry, replace(entry, path="b.jpg")], recognizer))
