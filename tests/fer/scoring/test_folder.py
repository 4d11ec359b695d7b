import os
from pathlib import Path

import fsspec
import pytest

from fer.scoring.folder import UnknownFolder, is_photo, list_folder, local_path
from tests.corpus import ENDINGS, encoded, face, whole


def read(entry):
    try:
        return entry.read()
    except OSError as error:
        return error.strerror


def test_lists_photos_in_order_and_counts_the_rest(tmp_path):
    for name in ("b/2.JPG", "b/1.heic", "a.png", "b.jpg", "c/d/e.tif", "c/x.txt", "README"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    listing = list_folder(tmp_path)
    for _ in range(2):  # it can be iterated again
        entries = list(listing)
        assert [entry.path for entry in entries] == [
            "a.png", "b.jpg", "b/1.heic", "b/2.JPG", "c/d/e.tif",
        ]  # fmt: skip
        assert [entry.read().decode() for entry in entries] == [entry.path for entry in entries]
        assert listing.skipped == 2


def test_what_cannot_be_followed_is_an_entry_that_fails(tmp_path, monkeypatch):
    (tmp_path / "good.jpg").write_bytes(b"photo")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "up").symlink_to("..")
    (tmp_path / "inner" / "good.jpg").write_bytes(b"photo")
    (tmp_path / "itself.jpg").symlink_to("itself.jpg")
    (tmp_path / "locked").mkdir()
    (tmp_path / "nowhere.jpg").symlink_to("nothing")
    vanishing = tmp_path / "vanishing.jpg"
    vanishing.write_bytes(b"photo")
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"photo")
    scandir = os.scandir

    def locked(path):  # root may open what it likes, so permissions would not do
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    entries = list(list_folder(tmp_path))
    vanishing.unlink()
    assert {entry.path: read(entry) for entry in entries} == {
        "caf\\xe9.jpg": "The name is not UTF-8: rename it",
        "good.jpg": b"photo",
        "inner/good.jpg": b"photo",
        "inner/up/": "This folder is a link to one it lies in",
        "itself.jpg": "Too many levels of symbolic links",
        "locked/": "Permission denied",
        "nowhere.jpg": "No such file or directory",
        "vanishing.jpg": "No such file or directory",
    }


def test_links_are_followed_but_not_over_the_fence(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "secret.jpg").write_bytes(b"secret")
    (root / "away").symlink_to(outside)
    (root / "secret.jpg").symlink_to(outside / "secret.jpg")
    assert [read(entry) for entry in list_folder(root)] == [b"secret", b"secret"]
    fenced = {entry.path: read(entry) for entry in list_folder(root, within=root)}
    assert set(fenced.values()) == {"The link leads out of the folder"}
    assert set(fenced) == {"away/", "secret.jpg"}


def test_reads_what_fsspec_reads():
    system = fsspec.filesystem("memory")
    for name in ("/pics/b/1.jpg", "/pics/a.png", "/pics/b/x.txt"):
        system.pipe(name, name.encode())
    listing = list_folder("memory://pics")
    assert [(entry.path, entry.read()) for entry in listing] == [
        ("a.png", b"/pics/a.png"),
        ("b/1.jpg", b"/pics/b/1.jpg"),
    ]
    assert listing.skipped == 1
    entries = list(listing)
    system.rm("/pics/a.png")
    assert isinstance(read(entries[0]), str | None)


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("/nowhere", "does not exist"),
        (__file__, "is a file"),
        ("memory://nowhere", "does not exist"),
        ("nosuch://bucket", "cannot be opened"),
    ],
)
def test_says_what_is_wrong_with_a_folder(folder, sentence):
    with pytest.raises(UnknownFolder, match=sentence):
        list_folder(folder)


def test_endings():
    assert all(
        map(is_photo, ("a.jpg", "A.JPEG", "x.y.HeIc", "d/e.avif", "a.jfif", "b.JPE", "c.hif"))
    )
    assert not any(map(is_photo, ("jpg", "a.jpg.txt", ".jpg", "a.svg", "a.", "b/._a.jpg")))


@pytest.mark.parametrize("kind", [*ENDINGS, "MPO"])
def test_where_the_ending_is_unknown_the_first_bytes_decide(kind, tmp_path):
    photo = encoded(face(), kind)
    for name in ("photo", "IMG_1.jpg_large", "a.jpg~", "b.2024"):
        (tmp_path / name).write_bytes(photo)
    for name in ("a.txt", "b.nef", "c.mp4", "d.thm"):  # known as something else
        (tmp_path / name).write_bytes(photo)
    for name, data in {"e": b"", "f": b"BM, said he: it is text.", "g.dat": bytes(99)}.items():
        (tmp_path / name).write_bytes(data)
    listing = list_folder(tmp_path)
    assert [entry.path for entry in listing] == ["IMG_1.jpg_large", "a.jpg~", "b.2024", "photo"]
    assert listing.skipped == 7


def test_in_a_bucket_the_first_bytes_decide_as_well():
    system = fsspec.filesystem("memory")
    system.pipe("/unnamed/photo", whole("JPEG"))
    system.pipe("/unnamed/notes", b"text")
    system.pipe("/unnamed/@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", whole("JPEG"))
    listing = list_folder("memory://unnamed")
    assert [entry.path for entry in listing] == ["photo"]
    assert listing.skipped == 2


def test_previews_trash_and_what_is_hidden_are_no_photos(tmp_path):
    aside = (
        "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "#recycle/b.jpg", ".thumbnails/1.jpg",
        ".Trash-1000/files/old.jpg", ".trashed-1700000000-c.jpg", "deep/@Recycle/d.jpg",
        "$RECYCLE.BIN/e.jpg", "deep/.ipynb_checkpoints/f-checkpoint.png",
    )  # fmt: skip
    for name in ("a.jpg", "deep/g.jpg", *aside):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"photo")
    listing = list_folder(tmp_path)
    assert [entry.path for entry in listing] == ["a.jpg", "deep/g.jpg"]
    assert listing.skipped == len(aside)
    assert not any(map(is_photo, aside))
    # Whoever names such a folder means it.
    assert [entry.path for entry in list_folder(tmp_path / ".thumbnails")] == ["1.jpg"]


def test_a_pipe_is_an_entry_that_fails_and_that_no_other_process_is_sent_to(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to("/dev/zero")
    (tmp_path / "c.jpg").write_bytes(b"photo")
    a, b, c = list_folder(tmp_path)
    assert read(a) == read(b) == "it is not a regular file"
    assert (a.location, b.location) == (None, None)
    assert (read(c), c.location) == (b"photo", str(tmp_path / "c.jpg"))


def test_a_file_too_large_for_a_photo_is_not_read(tmp_path):
    with open(tmp_path / "a.jpg", "wb") as file:
        file.truncate(2_000_000_000)  # which takes no room on the disk
    (entry,) = list_folder(tmp_path)
    assert read(entry) == "it is larger than 1,000 MB"


def test_only_a_scheme_makes_a_url(tmp_path):
    assert local_path("file:///a/b%20c") == Path("/a/b c")
    assert local_path("file:/a/b%20c") == Path("/a/b c")
    assert local_path("FILE://localhost/a") == Path("/a")
    assert local_path("file:///caf%E9") == Path(os.fsdecode(b"/caf\xe9"))
    for name in ("data:x", "a::b", "c:d", "file:x", "a%20b"):
        assert local_path(name) == Path(name)
    for url in ("s3://bucket/a%20b", "memory://x", "simplecache::s3://bucket"):
        assert local_path(url) is None
    (tmp_path / "a%20b").mkdir()
    assert local_path(f"file://{tmp_path}/a%20b") == tmp_path / "a%20b"
