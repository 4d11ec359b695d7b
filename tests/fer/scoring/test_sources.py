"""Every form that a large collection comes in, as files of their own: lists, tables, shards."""

import csv
import io
import signal
import subprocess
import sys
import tarfile
import time
from functools import partial
from itertools import islice
from pathlib import PurePath

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFile
from typer.testing import CliRunner

from fer.cli import ERRORS, app
from fer.errors import FerError, UnreadableTable
from fer.scoring.folder import UnknownFolder
from fer.scoring.lists import list_manifest
from fer.scoring.places import Place
from fer.scoring.rows import COLUMNS
from fer.scoring.sources import find_photos
from tests.fer.scoring.conftest import encoded


def read(entry):
    try:
        return entry.read()
    except OSError as error:
        return error.strerror


def contents(listing):
    return {entry.path: read(entry) for entry in listing}


@pytest.fixture(scope="module")
def face(astronaut):
    return encoded(astronaut.resize((160, 160)), "JPEG")


def score(*arguments, stdin=None):
    command = ["score", *map(str, arguments), "--model", "cnn"]
    return CliRunner().invoke(app, command, input=stdin)


def tar(path, members):
    """Write a tar of names with their bytes, or of TarInfo that have none."""
    with tarfile.open(path, "w") as file:
        for name, data in members:
            if isinstance(data, tarfile.TarInfo):
                file.addfile(data)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def test_a_list_as_any_system_writes_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "b" / "notes").write_bytes(b"named, so it is read")
    fsspec.filesystem("memory").pipe("/listed/c.jpg", b"c")
    named = ["a.jpg", "", "b/notes", "  ", "gone.jpg", "b", "a.jpg", "memory://listed/c.jpg"]
    expected = {
        "a.jpg": b"a",
        "b/notes": b"named, so it is read",
        "gone.jpg": "No such file or directory",
        "b": "Is a directory",
        "memory://listed/c.jpg": b"c",
    }
    for data in (
        "\n".join(named).encode(),
        "\ufeff".encode() + "\r\n".join(named).encode() + b"\r\n",
        "\r\n".join(named).encode("utf-16"),
        "\0".join(named).encode() + b"\0",
    ):
        (tmp_path / "list").write_bytes(data)
        listing = find_photos([], "list")
        assert contents(listing) == expected
        assert listing.skipped == 1  # a.jpg, the second time
        assert listing.total() == len(expected)
    (tmp_path / "list").write_bytes(b"caf\xe9.jpg\nnosuch://x/a.jpg\n")
    odd = contents(find_photos([], "list"))
    assert odd["caf\\xe9.jpg"] == "The name is not UTF-8: rename it"
    assert "nosuch" in odd["nosuch://x/a.jpg"]


def test_a_list_on_stdin_is_scored_and_what_is_missing_is_a_row(face, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_bytes(face)
    done = score("--files-from", "-", "-o", "out.csv", stdin="gone.jpg\na.jpg\n")
    assert done.exit_code == ERRORS, done.stderr
    table = pd.read_csv("out.csv")
    assert table["path"].tolist() == ["gone.jpg", "a.jpg"]
    assert table["status"].tolist() == ["error", "ok"]
    again = score("--files-from", "-", "-o", "out.csv", stdin="gone.jpg\na.jpg\na.jpg\n")
    assert "2 photos had been done before" in again.stderr


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_manifest_s_columns_go_into_the_output(ending, face, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(face)
    manifest = pd.DataFrame(
        {"ID": ["007", "008"], "path": ["a.jpg", "gone.jpg"], "note": ["é, ü", ""]}
    )
    source = tmp_path / "photos" / f"manifest.{ending}"
    if ending == "csv":
        manifest.to_csv(source, index=False)
    else:
        manifest.assign(age=[3, 4]).to_parquet(source)
    monkeypatch.chdir("/")  # a manifest's paths are relative to its own place
    for output in (tmp_path / "out.csv", tmp_path / "out.parquet"):
        assert score(source, "-o", output).exit_code == ERRORS
        table = (
            pd.read_csv(output, dtype={"ID": str}, keep_default_na=False)
            if output.suffix == ".csv"
            else pd.read_parquet(output)
        )
        more = ["ID", "note", *(["age"] if ending == "parquet" else [])]
        assert list(table.columns) == [*COLUMNS, *more]
        assert table["ID"].tolist() == ["007", "008"]
        assert table["note"].tolist() == ["é, ü", ""]
        assert table["status"].tolist() == ["ok", "error"]
    assert "2 photos had been done before" in score(source, "-o", output).stderr
    if ending == "parquet":
        assert table["age"].tolist() == [3, 4]
        manifest.to_parquet(source)
        assert "manifest with other columns" in score(source, "-o", output).stderr


def test_a_cell_that_could_not_be_read_back_is_refused_as_it_is_written(face, tmp_path):
    """Python's csv reads no longer one, and the run could not have gone on."""
    (tmp_path / "a.jpg").write_bytes(face)
    limit, out = csv.field_size_limit(), tmp_path / "out.csv"
    manifest = pa.table({"path": ["a.jpg", "gone.jpg"], "note": ["ä" * limit, "ä" * (limit + 1)]})
    pq.write_table(manifest, tmp_path / "m.parquet")
    for _ in range(2):
        done = score(tmp_path / "m.parquet", "-o", out, "--errors-ok")
        assert done.exit_code == 2, done.stderr
        assert "a cell of note has more than 131,072 characters" in done.stderr
        assert pd.read_csv(out)["path"].tolist() == ["a.jpg"]
    done = score(tmp_path / "m.parquet", "-o", tmp_path / "out.jsonl", "--errors-ok")
    assert done.exit_code == 0, done.stderr


def test_a_table_behind_a_link_has_its_photos_beside_the_link(tmp_path):
    """As in the Hub's cache, where a snapshot's files are links to blobs without names."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "0"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "1").write_text("file_name\na.jpg\n")
    images(blobs / "2", [{"bytes": None, "path": "a.jpg"}])
    (blobs / "3").write_bytes(b"photo")
    for blob, name in (("1", "metadata.csv"), ("2", "images.parquet"), ("3", "a.jpg")):
        (snapshot / name).symlink_to(f"../../blobs/{blob}")
    (tmp_path / "main").symlink_to("snapshots/0")
    for folder in (snapshot, tmp_path / "main"):
        manifest = find_photos([str(folder / "metadata.csv")])
        assert contents(manifest) == {"a.jpg": b"photo"}
        assert manifest.name == str(snapshot / "metadata.csv")
        table = find_photos([str(folder / "images.parquet")])
        assert contents(table) == {"images.parquet/0/a.jpg": b"photo"}


def test_a_manifest_in_the_root_folder_is_relative_to_it(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"a")
    monkeypatch.chdir(tmp_path)
    place = Place("/m.csv", "/m.csv")
    assert place.folder == "/"
    name = str(tmp_path / "a.jpg").removeprefix("/")
    assert contents(list_manifest(place, pa.table({"path": [name]}))) == {name: b"a"}


def test_what_is_wrong_with_a_table_is_a_sentence(tmp_path):
    for text, sentence in (
        ("id,name\n1,a.jpg\n", "no column of paths"),
        ("path,id\na.jpg,1\na.jpg,2\n", "names a.jpg more than once"),
        ("path,status\na.jpg,1\n", "has a column status"),
        ("path,id\n,1\n", "without a path"),
        ("path,id\na.jpg,1,5\n", "Line 2 of .* has 3 cells and the header 2"),
    ):
        (tmp_path / "m.csv").write_text(text)
        with pytest.raises(UnreadableTable, match=sentence):
            find_photos([str(tmp_path / "m.csv")])
    (tmp_path / "m.parquet").write_bytes(b"no table")
    with pytest.raises(UnreadableTable, match=r"no Parquet file: .*[^.]\.$"):
        find_photos([str(tmp_path / "m.parquet")])


@pytest.mark.parametrize(
    ("sources", "list_", "sentence"),
    [
        ((), None, "Say which photos"),
        (("a",), "-", "not both"),
        ((__file__,), None, "--files-from"),
        (("a.tar", "b.parquet"), None, "of one kind"),
        (("a", "b"), None, "one folder"),
        (("a.tar.gz",), None, "is compressed"),
        (("nowhere.tar",), None, "does not exist"),
        (("memory://nowhere/*.tar",), None, "no such file"),
        ((), "nowhere.txt", "cannot be read"),
    ],
)
def test_what_makes_no_collection_is_a_sentence(sources, list_, sentence):
    with pytest.raises(FerError, match=sentence):
        find_photos(sources, list_)


def test_a_shard_s_members_are_read_where_they_lie(face, tmp_path):
    tar(tmp_path / "0.tar", [("0001.jpg", face), ("0001.cls", b"3"), ("d/0002.png", b"png")])
    tar(tmp_path / "1.tar", [("a" * 150 + ".jpg", b"long"), (".hidden.jpg", b"x"), ("noend", face)])
    listing = find_photos([str(tmp_path / "0.tar"), str(tmp_path / "1.tar")])
    assert contents(listing) == {
        "0.tar/0001.jpg": face,
        "0.tar/d/0002.png": b"png",
        "1.tar/" + "a" * 150 + ".jpg": b"long",
        "1.tar/noend": face,
    }
    assert listing.skipped == 2
    fsspec.filesystem("memory").pipe("/shards/0.tar", (tmp_path / "0.tar").read_bytes())
    fsspec.filesystem("memory").pipe("/shards/1.tar", (tmp_path / "1.tar").read_bytes())
    assert contents(find_photos(["memory://shards/*.tar"])) == contents(listing)


def test_a_name_that_a_shard_holds_twice_is_two_photos_also_to_a_run_that_goes_on(face, tmp_path):
    names = ("a.jpg", "b.d/b", "a.jpg", "b.d/b", "c.jpg", "a.jpg")
    source = tar(tmp_path / "s.tar", [(name, face) for name in names])
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    assert score(source, "-o", whole).exit_code == 0
    assert pd.read_csv(whole)["path"].tolist() == [
        "s.tar/a.jpg", "s.tar/b.d/b", "s.tar/a (2).jpg", "s.tar/b.d/b (2)", "s.tar/c.jpg",
        "s.tar/a (3).jpg",
    ]  # fmt: skip
    assert score(source, "-o", cut, "--limit", 1).exit_code == 0
    assert score(source, "-o", cut).exit_code == 0
    assert cut.read_bytes() == whole.read_bytes()


def test_two_shards_of_one_name_are_refused_as_their_rows_could_not_be_told_apart(face, tmp_path):
    there = tmp_path / "there"
    for folder in (there, tmp_path / "x", tmp_path / "y"):
        folder.mkdir()
    for link in ("x", "y"):
        tar(there / f"{link}.tar", [("a.jpg", face)])
        (tmp_path / link / "s.tar").symlink_to(there / f"{link}.tar")
    images(there / "p.parquet", [{"bytes": face, "path": "a.jpg"}])
    for sources in (
        [there / "x.tar"] * 2,
        [tmp_path / "x" / "s.tar", tmp_path / "y" / "s.tar"],
        [there / "p.parquet"] * 2,
    ):
        with pytest.raises(UnknownFolder, match=r"is there 2 times|have to lie in one"):
            find_photos([str(source) for source in sources])


def test_nothing_climbs_out_of_a_shard(tmp_path):
    link, hard, device = (tarfile.TarInfo(name) for name in ("l.jpg", "h.jpg", "d.jpg"))
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard.type, hard.linkname = tarfile.LNKTYPE, "../x.jpg"
    device.type = tarfile.CHRTYPE
    members = [
        ("../up.jpg", b"x"),
        ("/root.jpg", b"x"),
        *((i.name, i) for i in (link, hard, device)),
    ]
    found = contents(find_photos([str(tar(tmp_path / "s.tar", [*members, ("ok.jpg", b"ok")]))]))
    assert found == {
        "s.tar/../up.jpg": "its name leads out of the archive",
        "s.tar//root.jpg": "its name leads out of the archive",
        "s.tar/l.jpg": "it is a link, and links in an archive are not followed",
        "s.tar/h.jpg": "it is a link, and links in an archive are not followed",
        "s.tar/d.jpg": "it is not a regular file",
        "s.tar/ok.jpg": b"ok",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.tar"]


def test_a_header_or_a_member_that_claims_too_much_costs_nothing(tmp_path):
    large = tarfile.TarInfo("large.jpg")
    large.size = 5_000_000_000
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 4_000_000_000
    for info, said in ((large, "larger than 1,000 MB"), (header, "is damaged")):
        path = tmp_path / "s.tar"
        with open(path, "wb") as file:
            file.write(info.tobuf(tarfile.GNU_FORMAT))
            file.truncate(6_000_000_000)  # which takes no room on the disk
        started = time.process_time()
        assert any(said in str(text) for text in contents(find_photos([str(path)])).values())
        assert time.process_time() - started < 60  # not the minutes of reading six gigabytes


@pytest.mark.parametrize("name", ["a" * 300 + ".jpg", "a/" * 3000 + "b.jpg"])
def test_a_name_longer_than_disks_take_is_an_error_row(name, face, tmp_path):
    (tmp_path / "ok.jpg").write_bytes(face)
    (tmp_path / "m.csv").write_text(f"path\n{name}\nok.jpg\n")
    found = contents(find_photos([str(tmp_path / "m.csv")]))
    assert found == {name: "File name too long", "ok.jpg": face}
    for source in (name, f"{name}.tar"):
        with pytest.raises(UnknownFolder, match="does not exist"):
            find_photos([source])


def test_a_table_beyond_measure_is_refused_before_it_is_taken_apart(tmp_path, monkeypatch):
    (tmp_path / "m.csv").write_text("path\n" + "a.jpg\n" * 20)
    monkeypatch.setattr("fer.compare.tables.MAX_TABLE", 100)
    with pytest.raises(UnreadableTable, match=r"m\.csv is larger than .* give it as Parquet"):
        find_photos([str(tmp_path / "m.csv")])


def test_a_member_of_negative_size_ends_the_shard(face, tmp_path):
    info = tarfile.TarInfo("a.jpg")
    info.pax_headers = {"size": "-1536"}  # back to its own header
    with tarfile.open(tmp_path / "s.tar", "w", format=tarfile.PAX_FORMAT) as file:
        file.addfile(info)
    found = contents(islice(find_photos([str(tmp_path / "s.tar")]), 3))
    assert found == {"s.tar": "as a tar, the size of a.jpg is negative"}


def test_columns_of_another_kind_are_a_sentence(face, tmp_path):
    path = tmp_path / "t.parquet"
    pair = pa.table({"path": ["a.jpg"], "id": [1]})
    far = pa.array([2**52], pa.timestamp("s"))
    for table, sentence in (
        (pa.table({"image": [{"bytes": "text", "path": "x"}]}), "no column of images"),
        (pa.table({"image": [{"bytes": 1, "path": 2}]}), "no column of images"),
        (pa.table({"path": [["a.jpg"]]}), "its column path is no text"),
        (pair.rename_columns(["path", "path"]), "two columns of one name"),
        (pa.table({"path": ["a.jpg"], "taken": far}), "cannot be carried"),
    ):
        pq.write_table(table, path)
        with pytest.raises(UnreadableTable, match=sentence):
            list(find_photos([str(path)]))
    numbered = pa.struct([("bytes", pa.binary()), ("path", pa.int64())])
    rows = [{"bytes": face, "path": 5}, {"bytes": None, "path": 7}]
    pq.write_table(pa.table({"image": pa.array(rows, numbered)}), path)
    assert contents(find_photos([str(path)])) == {
        "t.parquet/0": face,
        "t.parquet/1": "the row holds no image",
    }
    pq.write_table(pa.table({"image": [face], "taken": far}), path)
    (found,) = contents(find_photos([str(path)])).values()
    assert "damaged from row 0 on" in found


def test_a_shard_cut_at_any_place_says_so_or_is_whole(tmp_path):
    path = tar(tmp_path / "s.tar", [("a.jpg", b"a" * 700), ("b.jpg", b"b" * 700)])
    whole = path.read_bytes()
    end = 2 * (512 + 1024)
    assert whole[end : end + 512] == bytes(512)
    for size in range(0, end + 512, 100):
        path.write_bytes(whole[:size])
        found = contents(find_photos([str(path)]))
        assert any(isinstance(data, str) for data in found.values()), size
    damaged = bytearray(whole)
    damaged[512 + 1024] ^= 0xFF  # in the second header
    path.write_bytes(damaged)
    found = contents(find_photos([str(path)]))
    assert found["s.tar/a.jpg"] == b"a" * 700
    assert "damaged or cut off at byte 1,536" in found["s.tar"]


def images(path, rows, **columns):
    """Write a table as `datasets` does."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(rows, kind), **columns}), path, row_group_size=2)
    return path


def test_a_table_of_images_carries_its_other_columns(face, tmp_path):
    rows = [
        {"bytes": face, "path": "x/a.jpg"},
        {"bytes": b"none", "path": None},
        {"bytes": None, "path": "beside.jpg"},
        {"bytes": None, "path": "../../etc/passwd"},
        {"bytes": None, "path": None},
        {"bytes": None, "path": "zero\0byte.jpg"},
    ]
    (tmp_path / "beside.jpg").write_bytes(face)
    source = images(tmp_path / "p.parquet", rows, label=[1, 2, 3, 4, 5, 6], votes=[[1]] * 6)
    done = score(source, "-o", tmp_path / "out.csv")
    assert done.exit_code == ERRORS, done.stderr
    table = pd.read_csv(tmp_path / "out.csv")
    assert table["path"].tolist() == [
        "p.parquet/0/a.jpg", "p.parquet/1", "p.parquet/2/beside.jpg", "p.parquet/3/passwd",
        "p.parquet/4", "p.parquet/5/zero\\0byte.jpg",
    ]  # fmt: skip
    assert table["status"].tolist() == ["ok", "error", "ok", "error", "error", "error"]
    assert table["label"].tolist() == [1, 2, 3, 4, 5, 6]
    assert "votes" not in table
    assert find_photos([str(source)]).total() == 6
    with pytest.raises(UnreadableTable, match="another column label"):
        find_photos([str(source), str(images(tmp_path / "q.parquet", rows))])


class ServerError(Exception):
    """What a file system's own library raises, such as aiohttp of a 503: no `OSError`."""


@pytest.fixture
def failing(monkeypatch):
    """Return a function after which files behind URLs fail from that byte on."""

    def fail_from(start):
        def read(self, size=-1):
            if self.tell() + max(size, 0) > start:
                raise ServerError("503, the server is busy")
            return io.BytesIO.read(self, size)

        monkeypatch.setattr(MemoryFile, "read", read)

    return fail_from


def test_a_server_that_fails_on_the_way_through_a_shard_ends_the_shard(face, tmp_path, failing):
    system = fsspec.filesystem("memory")
    tar(tmp_path / "s.tar", [("a.jpg", face), ("b.jpg", face)])
    system.pipe("/busy/s.tar", (tmp_path / "s.tar").read_bytes())
    rows = [{"bytes": face, "path": None}] * 40
    path = images(tmp_path / "t.parquet", rows)
    system.pipe("/busy/t.parquet", path.read_bytes())
    shard, table = find_photos(["memory://busy/s.tar"]), find_photos(["memory://busy/t.parquet"])
    failing(tarfile.BLOCKSIZE)
    found = contents(shard)
    assert list(found) == ["s.tar/a.jpg", "s.tar"]
    assert found["s.tar"] == "as a tar, 503, the server is busy"
    assert "503, the server is busy" in contents(table)["t.parquet/0…"]
    (tmp_path / "m.csv").write_text("path\na.jpg\n")
    system.pipe("/busy/m.csv", (tmp_path / "m.csv").read_bytes())
    failing(0)
    for name in ("t.parquet", "m.csv"):
        with pytest.raises(UnreadableTable, match=f"busy/{name} .*503, the server is busy"):
            find_photos([f"memory://busy/{name}"])


def test_limit_is_the_first_photos_and_the_rest_comes_later(face, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in "cab":
        (photos / f"{name}.jpg").write_bytes(face)
    output, summary = tmp_path / "out.parquet", tmp_path / "summary.json"
    done = score(photos, "-o", output, "--limit", 2, "--summary", summary, "--device", "cpu")
    assert done.exit_code == 0, done.stderr
    assert pd.read_parquet(output)["path"].tolist() == ["a.jpg", "b.jpg"]
    said = pd.read_json(summary, typ="series")
    assert (said["photos"], said["faces"], said["errors"], said["stopped"]) == (2, 2, 0, False)
    assert said["run"]["model"] == "cnn"
    assert said["settings"]["limit"] == 2
    assert set(said["versions"]) == {"fer-studio", "python", "torch"}
    assert "2 photos had been done before" in score(photos, "-o", output).stderr
    assert len(pd.read_parquet(output)) == 3
    assert "no device" in score(photos, "-o", output, "--device", "cuda:7").stderr
    # Another smallest face is another run, and finds fewer.
    assert "other settings" in score(photos, "-o", output, "--min-face", 150).stderr
    assert score(photos, "-o", tmp_path / "large.csv", "--min-face", 150).exit_code == 0
    assert set(pd.read_csv(tmp_path / "large.csv")["status"]) != {"ok"}


def test_a_dry_run_counts_and_writes_nothing(face, tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.jpg").write_bytes(face)
    done = score(tmp_path, "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("2 photos. 2 of them by chance took")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg"]
    assert "Say where the table goes" in score(tmp_path).stderr


def done_before(written):
    """Return how many rows a killed run left; of a file, those that are surely whole."""
    if written.is_dir():
        return len(pd.read_parquet(written))
    return written.read_bytes().count(b"\n") - 1


NAMES = [f"{number:03}.jpg" for number in range(60)]


def some_broken(face):
    return {name: face if number % 7 else b"broken" for number, name in enumerate(NAMES)}


def as_text(table):
    """Return a table as a CSV of it is read, so that the kinds of its columns do not matter."""
    return pd.read_csv(io.StringIO(table.astype({"certain": "boolean"}).to_csv(index=False)))


@pytest.fixture(scope="module")
def undisturbed(face, tmp_path_factory):
    """The rows of sixty photos of which nothing but a list was scored, at once."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for name, data in some_broken(face).items():
        (folder / name).write_bytes(data)
    (folder / "list.txt").write_text("\n".join(f"{folder}/{name}" for name in NAMES))
    done = score("--files-from", folder / "list.txt", "-o", folder / "o.parquet", "--workers", "1")
    assert done.exit_code == ERRORS, done.stderr
    return as_text(pd.read_parquet(folder / "o.parquet").drop(columns="path"))


@pytest.mark.parametrize(
    ("form", "output"),
    [("list", "o.csv"), ("manifest", "o.jsonl"), ("tar", "o/"), ("parquet", "o.csv")],
)
def test_killed_in_the_middle_each_form_ends_with_the_same_rows(
    form, output, undisturbed, face, tmp_path
):
    photos = some_broken(face)
    for name, data in photos.items():
        (tmp_path / name).write_bytes(data)
    ids = [str(number) for number in range(60)]
    if form == "list":
        (tmp_path / "list.txt").write_text("\n".join(NAMES))
        source = ["--files-from", "list.txt"]
    elif form == "manifest":
        pd.DataFrame({"path": NAMES, "id": ids}).to_csv(tmp_path / "m.csv", index=False)
        source = ["m.csv"]
    elif form == "tar":
        tar(tmp_path / "s.tar", photos.items())
        source = ["s.tar"]
    else:
        rows = [{"bytes": data, "path": name} for name, data in photos.items()]
        images(tmp_path / "p.parquet", rows, id=ids)
        source = ["p.parquet"]
    command = [sys.executable, "-m", "fer", "score", *source, "--model", "cnn", "--workers", "1"]
    command += ["--part-rows", "4", "-o", output]
    written = tmp_path / output
    with subprocess.Popen(command, cwd=tmp_path) as running:
        while running.poll() is None and not (
            len(list(written.glob("part-*"))) > 1
            or (written.is_file() and written.stat().st_size > 1500)
        ):
            time.sleep(0.002)
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    assert 0 < done_before(written) < 60
    assert not (written / "_SUCCESS").exists()

    done = subprocess.run(command, cwd=tmp_path, check=False)
    assert done.returncode == ERRORS
    assert (written / "_SUCCESS").exists() == output.endswith("/")
    readers = {".csv": pd.read_csv, ".jsonl": partial(pd.read_json, lines=True)}
    table = readers.get(written.suffix, pd.read_parquet)(written)
    if form in ("manifest", "parquet"):
        assert table.pop("id").astype(str).tolist() == ids
    assert [PurePath(path).name for path in table.pop("path")] == NAMES
    pd.testing.assert_frame_equal(as_text(table), undisturbed, atol=1e-6, rtol=0)


def test_a_bucket_of_the_hub_is_a_file_system():
    """`hf://` is huggingface_hub's, which fsspec knows by its entry point."""
    assert fsspec.get_filesystem_class("hf").__name__ == "HfFileSystem"
    with pytest.raises(UnknownFolder):
        find_photos(["hf://"])
