import pytest

from app.server.uploads import Limits, uploaded
from fer.errors import TooMuch
from tests.corpus import whole


def paths(*names: str) -> list[str]:
    batch = uploaded("mine", [(name, name.encode()) for name in names])
    assert all(entry.read().endswith(entry.path.encode()) for entry in batch.entries)
    return [entry.path for entry in batch.entries]


def test_the_folder_that_holds_all_is_taken_off():
    assert paths("trip/1.jpg", "trip/day/2.jpg") == ["1.jpg", "day/2.jpg"]


def test_other_paths_stay():
    assert paths("1.jpg", "2.jpg") == ["1.jpg", "2.jpg"]
    assert paths("a/1.jpg", "b/2.jpg") == ["a/1.jpg", "b/2.jpg"]
    assert paths("a/1.jpg", "2.jpg") == ["a/1.jpg", "2.jpg"]


def test_other_files_are_skipped_and_counted():
    batch = uploaded("mine", [("a.jpg", b"x"), ("b.mp4", b"x"), ("._a.jpg", b"x")])
    assert ([entry.path for entry in batch.entries], batch.skipped) == (["a.jpg"], 2)


def test_limits_are_stated():
    files = [(f"{number}.jpg", bytes(1_000_000)) for number in range(3)]
    with pytest.raises(TooMuch, match="more than 2 files"):
        uploaded("mine", files, Limits(files=2))
    with pytest.raises(TooMuch, match="3 MB together, and the limit here is 2 MB"):
        uploaded("mine", files, Limits(total_bytes=2_000_000))


def test_two_photos_of_one_name_can_be_told_apart():
    files = [("a.jpg", b"one"), ("a.jpg", b"two"), ("a (2).jpg", b"three"), ("b", whole("PNG"))]
    batch = uploaded("mine", files)
    assert {entry.path: entry.read() for entry in batch.entries} == {
        "a.jpg": b"one",
        "a (3).jpg": b"two",
        "a (2).jpg": b"three",
        "b": whole("PNG"),
    }


def test_what_is_hidden_is_skipped_but_not_the_folder_chosen():
    batch = uploaded("mine", [(".mine/a.jpg", b"x"), (".mine/.thumbnails/a.jpg", b"x")])
    assert ([entry.path for entry in batch.entries], batch.skipped) == (["a.jpg"], 1)
