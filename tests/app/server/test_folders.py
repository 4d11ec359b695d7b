import os

import pytest

from app.server.folders import allowed_folder, find_folder, server_folder
from app.server.uploads import Limits
from fer.errors import FolderRefused, TooMuch

LOCAL = {"Host": "localhost:8501", "Origin": "http://localhost:8501"}


@pytest.fixture
def allowed(tmp_path):
    """What may be read, beside what may not."""
    (tmp_path / "open" / "trip" / "day").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "open" / "trip" / "day" / "1.jpg").write_bytes(b"one")
    (tmp_path / "open" / "trip" / "notes.txt").write_bytes(b"")
    (tmp_path / "secret" / "key.jpg").write_bytes(b"key")
    return tmp_path / "open"


def test_the_variable_names_the_allowed_folder_whoever_asks(allowed):
    environ = {"FER_BATCH_ROOT": str(allowed)}
    assert allowed_folder("0.0.0.0", {"Host": "example.com"}, environ) == allowed
    assert allowed_folder("localhost", LOCAL, environ) == allowed
    assert allowed_folder("localhost", LOCAL, {"FER_BATCH_ROOT": str(allowed / "missing")}) is None


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "::1"])
def test_on_localhost_the_owner_names_any_folder(address):
    assert allowed_folder(address, LOCAL, {}) is not None
    headers = {"Host": "[::1]:8501", "Origin": "http://127.0.0.1:8501"}
    assert allowed_folder(address, headers, {}) is not None


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        (None, LOCAL),
        ("", LOCAL),
        ("0.0.0.0", LOCAL),
        ("192.168.1.5", LOCAL),
        ("localhost", {}),
        ("localhost", LOCAL | {"Host": "faces.example.com"}),
        ("localhost", LOCAL | {"Host": "localhost.example.com"}),
        ("localhost", LOCAL | {"Origin": "https://faces.example.com"}),
        ("localhost", LOCAL | {"Origin": "null"}),
        ("localhost", {"Host": "localhost:8501"}),
        ("localhost", LOCAL | {"X-Forwarded-For": "203.0.113.7"}),
        ("localhost", LOCAL | {"Forwarded": "for=203.0.113.7"}),
        ("localhost", LOCAL | {"X-Real-Ip": "203.0.113.7"}),
    ],
)
def test_nobody_else_does(address, headers):
    assert allowed_folder(address, headers, {}) is None


def test_folders_inside_the_allowed_folder_are_found(allowed):
    assert find_folder("trip", allowed) == allowed / "trip"
    assert find_folder(f" {allowed / 'trip'} ", allowed) == allowed / "trip"
    assert find_folder("trip/../trip/day", allowed) == allowed / "trip" / "day"
    assert find_folder(".", allowed) == allowed


@pytest.mark.parametrize(
    "name",
    ["..", "../secret", "trip/../../secret", "/", "/etc", "", "  ", "missing", "trip/day/1.jpg",
     "trip\0", "~nobody-here/x", "way-out", "loop"],
)  # fmt: skip
def test_everything_else_is_refused_in_the_same_words(allowed, name):
    (allowed / "way-out").symlink_to(allowed.parent / "secret")
    (allowed / "loop").symlink_to(allowed / "loop")
    with pytest.raises(FolderRefused, match="There is no folder"):
        find_folder(name, allowed)


def test_a_sibling_whose_name_begins_alike_is_outside(allowed):
    (allowed.parent / "open-too").mkdir()
    with pytest.raises(FolderRefused):
        find_folder(str(allowed.parent / "open-too"), allowed)


def test_photos_are_listed_deep_and_other_files_counted(allowed):
    batch = server_folder(allowed / "trip", allowed, Limits())
    assert [(entry.path, entry.read()) for entry in batch.entries] == [("day/1.jpg", b"one")]
    assert (batch.name, batch.skipped) == ("trip", 1)


def test_links_out_of_the_allowed_folder_are_not_read_nor_listed(allowed):
    (allowed / "trip" / "key.jpg").symlink_to(allowed.parent / "secret" / "key.jpg")
    (allowed / "trip" / "all").symlink_to(allowed.parent / "secret")
    (allowed / "trip" / "inside.jpg").symlink_to(allowed / "trip" / "day" / "1.jpg")
    results = {}
    for entry in server_folder(allowed / "trip", allowed, Limits()).entries:
        try:
            results[entry.path] = entry.read()
        except OSError as error:
            results[entry.path] = type(error)
    assert results["inside.jpg"] == results["day/1.jpg"] == b"one"
    assert results["key.jpg"] is PermissionError
    assert not [path for path in results if path.startswith("all/key")]
    assert b"key" not in results.values()


def test_a_link_put_there_after_the_listing_is_not_read(allowed):
    photo = allowed / "trip" / "day" / "1.jpg"
    (entry,) = server_folder(allowed / "trip", allowed, Limits()).entries
    photo.unlink()
    with pytest.raises(FileNotFoundError):
        entry.read()
    photo.symlink_to(allowed.parent / "secret" / "key.jpg")
    with pytest.raises(PermissionError):
        entry.read()


def test_a_pipe_does_not_hold_up_the_batch(allowed):
    os.mkfifo(allowed / "trip" / "pipe.jpg")
    entries = {
        entry.path: entry for entry in server_folder(allowed / "trip", allowed, Limits()).entries
    }
    with pytest.raises(OSError, match="not a regular file"):
        entries["pipe.jpg"].read()


def test_limits_are_stated(allowed):
    with pytest.raises(TooMuch, match="more than 1 files"):
        server_folder(allowed / "trip", allowed, Limits(files=1))
    (entry,) = server_folder(allowed / "trip", allowed, Limits(file_bytes=2)).entries
    with pytest.raises(OSError, match="larger than"):
        entry.read()
