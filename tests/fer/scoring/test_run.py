"""The command as people use it: killed, stopped, gone on with, on Ray."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from fer.cli import ERRORS, app
from fer.faces.detection import Detector
from fer.recognizer import Recognizer
from fer.scoring.duplicates import OnceEngine
from fer.scoring.folder import Entry
from fer.scoring.rows import COLUMNS
from fer.scoring.run import describe
from tests.fer.scoring.conftest import encoded

DISTURBED = """
import json, os, random, sys, time
import fer.recognizer, fer.scoring.run
from fer.cli import app

folder, output, options, *signals = sys.argv[1:]
moment = random.Random(7)

def size():
    return os.path.getsize(output) if os.path.exists(output) else 0

def run(number):
    before, child = size(), os.fork()
    if child == 0:
        app(["score", folder, "--output", output, "--workers", "1", *options.split()])
        os._exit(99)
    while number:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if size() > before + 300:
            time.sleep(moment.uniform(0, 0.03))
            os.kill(child, number)
            break
        time.sleep(0.001)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

print(json.dumps([run(int(number)) for number in signals]))
"""
"""Runs the command once for each signal, which it gets once it has written something more."""


def disturbed(folder, output, *signals, options=""):
    """Return the runs' exit statuses, and what they said on stderr."""
    arguments = [sys.executable, "-c", DISTURBED, str(folder), str(output), options]
    arguments += map(str, signals)
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=600, check=True)
    return json.loads(done.stdout), done.stderr


def score(folder, output, *options):
    return CliRunner().invoke(app, ["score", str(folder), "--output", str(output), *options])


@pytest.fixture(scope="module")
def undisturbed(mixed, tmp_path_factory):
    """The table of a run that nothing happened to."""
    output = tmp_path_factory.mktemp("undisturbed") / "out.csv"
    done = score(mixed, output)
    assert done.exit_code == ERRORS, done.stderr
    assert "120 photos, " in done.stderr
    assert "40 errors; 4 files of other kinds skipped." in done.stderr
    return output.read_bytes()


def test_the_table_has_a_line_for_every_file(undisturbed, tmp_path):
    (tmp_path / "out.csv").write_bytes(undisturbed)
    table = pd.read_csv(tmp_path / "out.csv")
    assert tuple(table.columns) == COLUMNS
    assert table["path"].nunique() == 120
    assert (table["status"] == "error").sum() == 40
    assert "./=1+1, cmd.jpg" in set(table["path"])
    assert 'folder 0/0 "face"\n.jpg' in set(table["path"])
    seen = table[table["status"] == "ok"]
    shares = seen[[name for name in COLUMNS if name.startswith("p_")]]
    assert shares.sum(axis=1).between(0.9999, 1.0001).all()
    assert shares.max(axis=1).equals(seen["confidence"])


def test_killed_five_times_it_ends_as_if_nothing_had_happened(mixed, undisturbed, tmp_path):
    output = tmp_path / "out.csv"
    statuses, _ = disturbed(mixed, output, *[signal.SIGKILL.value] * 5, 0)
    assert set(statuses) <= {-signal.SIGKILL, ERRORS}
    assert statuses[0] == -signal.SIGKILL
    assert statuses[-1] == ERRORS
    assert sorted(output.read_bytes().splitlines()) == sorted(undisturbed.splitlines())


def test_stopped_in_good_order_it_goes_on(mixed, undisturbed, tmp_path):
    output = tmp_path / "out.csv"
    (stopped,), stderr = disturbed(mixed, output, signal.SIGTERM.value)
    assert stopped == 128 + signal.SIGTERM
    assert "stopped before the end: the same command goes on" in stderr
    assert undisturbed.startswith(output.read_bytes())  # nothing torn
    (interrupted, last), _ = disturbed(mixed, output, signal.SIGINT.value, 0)
    assert interrupted in (128 + signal.SIGINT, ERRORS)  # ERRORS: the rest was done before
    assert last == ERRORS
    assert output.read_bytes() == undisturbed


def test_a_second_run_does_only_what_is_new(mixed, undisturbed, tmp_path):
    folder, output = tmp_path / "photos", tmp_path / "out.csv"
    folder.mkdir()
    (folder / "b.jpg").write_bytes(b"damaged")
    os.link(mixed / "=1+1, cmd.jpg", folder / "c.jpg")
    assert "2 photos, 1 face, 1 error." in score(folder, output).stderr
    os.link(mixed / "=1+1, cmd.jpg", folder / "a.jpg")
    (folder / "b.jpg").unlink()
    os.link(mixed / "=1+1, cmd.jpg", folder / "b.jpg")
    second = score(folder, output)
    before = "1 photo, 1 face, 0 errors; 2 photos had been done before"
    assert f"{before}, 1 of them errors." in second.stderr
    assert second.exit_code == ERRORS  # what the table holds counts, whichever run wrote it
    assert score(folder, output, "--errors-ok").exit_code == 0
    third = score(folder, output, "--retry-errors")
    assert f"{before}." in third.stderr
    assert third.exit_code == 0
    assert pd.read_csv(output)["status"].tolist() == ["ok"] * 3


@pytest.fixture(scope="module")
def copied(astronaut, tmp_path_factory):
    """90 photos, every content three times and far apart, and a damaged one twice."""
    folder = tmp_path_factory.mktemp("copied")
    for content in range(30):
        photo = encoded(astronaut.resize((150 + content, 150)), "JPEG")
        for copy in range(3):
            (folder / f"{copy} {content:02}.jpg").write_bytes(photo)
    for name in ("0 damaged.jpg", "1 damaged.jpg"):
        (folder / name).write_bytes(b"not a photo")
    return folder


def test_copies_are_scored_once_and_have_the_same_rows(copied, tmp_path, monkeypatch):
    each, once = tmp_path / "each.csv", tmp_path / "once.csv"
    assert score(copied, each).exit_code == ERRORS
    detected = []
    detect = Detector.detect
    monkeypatch.setattr(
        Detector, "detect", lambda self, images: detected.append(1) or detect(self, images)
    )
    done = score(copied, once, "--duplicates", "once", "--summary", str(tmp_path / "done.json"))
    assert "92 photos, 90 faces, 2 errors; 61 photos scored by a copy." in done.stderr
    assert len(detected) == 30
    assert json.loads((tmp_path / "done.json").read_text())["copies"] == 61
    assert once.read_bytes() == each.read_bytes()


def test_killed_among_copies_nothing_is_lost(copied, tmp_path):
    each, once = tmp_path / "each.csv", tmp_path / "once.csv"
    assert score(copied, each).exit_code == ERRORS
    kill = signal.SIGKILL.value
    statuses, said = disturbed(copied, once, kill, kill, 0, options="--duplicates once")
    assert statuses[0] == -signal.SIGKILL
    assert statuses[-1] == ERRORS
    assert "had been done before" in said
    assert once.read_bytes() == each.read_bytes()


def test_a_folder_of_nothing_but_copies_grows_while_it_is_scored(astronaut, tmp_path):
    photo = encoded(astronaut.resize((160, 160)), "JPEG")
    read = []
    stop = threading.Event()

    def entry(number):
        return Entry(f"{number}.jpg", lambda: read.append(number) or photo)

    engine = OnceEngine(Recognizer.from_pretrained("cnn"), workers=1)
    rows = engine((entry(number) for number in range(10_000)), stop)
    assert next(rows)[0]["path"] == "0.jpg"
    assert next(rows)[0]["path"] == "1.jpg"
    assert len(read) < 1000
    stop.set()
    assert len(list(rows)) < 1000
    assert engine.copies < 1000


def test_to_stdout_goes_nothing_but_the_table(mixed, undisturbed):
    done = score(mixed, "-", "--errors-ok")
    assert done.exit_code == 0
    assert done.stdout_bytes == undisturbed


def test_parquet_has_the_same_table(mixed, undisturbed, tmp_path):
    (tmp_path / "out.csv").write_bytes(undisturbed)
    assert score(mixed, tmp_path / "out.parquet").exit_code == ERRORS
    parquet, csv = (
        table.astype({"certain": "boolean"})
        for table in (pd.read_parquet(tmp_path / "out.parquet"), pd.read_csv(tmp_path / "out.csv"))
    )
    pd.testing.assert_frame_equal(parquet, csv, check_dtype=False)
    assert not (tmp_path / "out.parquet.parts").exists()


def test_mistakes_are_one_sentence(mixed, undisturbed, tmp_path):
    output = tmp_path / "out.csv"
    output.write_bytes(undisturbed)
    whole = tmp_path / "whole.csv"
    assert score(mixed, whole).exit_code == ERRORS
    os.mkfifo(tmp_path / "pipe.csv")
    listed = tmp_path / "listed.csv"
    listed.write_text("path\na.jpg\n")
    for folder, out, options, sentence in (
        (tmp_path / "nowhere", output, (), "does not exist"),
        (mixed, tmp_path / "out.txt", (), "must end in .csv"),
        (mixed, "s3://bucket/out.csv", (), "is a URL"),
        (mixed, tmp_path / "pipe.csv", (), "no regular file"),
        (mixed, output, (), "says what it was made of"),
        (listed, listed, ("--no-resume",), "would replace what is scored"),
        (tmp_path, whole, (), f"was made of {mixed.resolve()}"),
        (mixed, output, ("--address", "auto"), "--engine ray"),
        (mixed, output, ("--engine", "ray", "--duplicates", "once"), "leave out --engine ray"),
        (mixed, output, ("--model", "nope"), "no model 'nope'"),
    ):
        done = score(folder, out, *options)
        assert done.exit_code == 2
        (line,) = [line for line in done.stderr.splitlines() if "photos/s" not in line]
        assert line.startswith("fer: ")
        assert sentence in line
    assert output.read_bytes() == whole.read_bytes() == undisturbed
    assert listed.read_text() == "path\na.jpg\n"


def test_a_summary_takes_the_place_of_nothing_that_is_scored_or_comes_out(mixed, tmp_path):
    listed, pipe = tmp_path / "listed.csv", tmp_path / "pipe"
    listed.write_text("path\na.jpg\n")
    os.mkfifo(pipe)
    out, inside = tmp_path / "out.csv", tmp_path / "inside"
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    for folder, output, summary, sentence in (
        (mixed, out, out, "would be part of the output"),
        (mixed, out, link / "out.csv", "would be part of the output"),
        (mixed, out, tmp_path / "out.csv.run.json", "would be part of the output"),
        (mixed, f"{inside}/", inside / "s.json", "There is no folder"),
        (mixed, f"{tmp_path}/", tmp_path / "s.json", "would be part of the output"),
        (listed, out, listed, "would replace what is scored"),
        (listed, "-", listed, "would replace what is scored"),
        (mixed, out, tmp_path, "is a folder"),
        (mixed, out, pipe, "no regular file"),
        (mixed, out, tmp_path / "no" / "s.json", "There is no folder"),
        (mixed, out, listed / "s.json", "There is no folder"),
        (mixed, out, tmp_path / ("s" * 300), "cannot be written: File name too long"),
    ):
        done = score(folder, output, "--summary", str(summary))
        assert done.exit_code == 2, summary
        (line,) = done.stderr.splitlines()
        assert sentence in line
    assert listed.read_text() == "path\na.jpg\n"
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "listed.csv", "pipe"]
    for _ in range(2):  # its own summary of before is replaced
        assert score(mixed, out, "--summary", str(tmp_path / "s.json")).exit_code == ERRORS
    assert json.loads((tmp_path / "s.json").read_text())["settings"]["output"] == str(out)


@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="ray is not installed")
def test_ray_s_rows_equal_the_local_engine_s(mixed, undisturbed, tmp_path, monkeypatch):
    from ray._common.usage.usage_lib import usage_stats_enabled

    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_CONFIG_PATH", str(tmp_path / "none"))
    assert usage_stats_enabled()  # as long as nobody objects
    output = tmp_path / "out.csv"
    done = score(mixed, output, "--engine", "ray", "--workers", "1")
    assert done.exit_code == ERRORS, done.stderr
    assert not usage_stats_enabled()
    assert sorted(output.read_bytes().splitlines()) == sorted(undisturbed.splitlines())


def test_a_member_s_temperature_makes_another_run():
    recognizer = Recognizer.from_pretrained("ensemble")
    before = describe("photos", recognizer).weights
    assert describe("photos", recognizer).weights == before
    first = recognizer.network.configs[0]
    recognizer.network.configs[0] = replace(first, temperature=3.0)
    assert describe("photos", recognizer).weights != before


def test_a_pipe_among_the_photos_is_one_row_and_holds_nothing_up(astronaut, tmp_path):
    """In a process of its own: what waits at a pipe cannot be stopped."""
    folder, output = tmp_path / "photos", tmp_path / "out.csv"
    folder.mkdir()
    os.mkfifo(folder / "a.jpg")
    os.mkfifo(folder / "control")  # whose ending is unknown
    (folder / "zero.jpg").symlink_to("/dev/zero")
    astronaut.save(folder / "b.jpg")
    command = [sys.executable, "-m", "fer", "score", str(folder), "--output", str(output)]
    done = subprocess.run([*command, "--model", "cnn"], timeout=120, check=False)
    assert done.returncode == ERRORS
    table = pd.read_csv(output).set_index("path")
    assert table["status"].to_dict() == {"a.jpg": "error", "b.jpg": "ok", "zero.jpg": "error"}
    assert "not a regular file" in table["error"]["a.jpg"]


def test_all_that_disks_hold_at_once_is_one_row_a_photo_and_ends(astronaut, tmp_path):
    folder, output = tmp_path / "photos", tmp_path / "out.csv"
    for name in ("@eaDir/a.jpg", ".thumbnails", ".Trash-1000/files", "data:x", ".git"):
        (folder / name).mkdir(parents=True)
    small = astronaut.resize((256, 256))
    photo = encoded(small, "JPEG")
    grey = np.asarray(small.convert("L"))
    for name in (
        "a.jpg", "b.jfif", "no ending", "data:x/c.JPE", "日本.jpg", "=1+1.jpg", "two\nlines.jpg",
    ):  # fmt: skip
        (folder / name).write_bytes(photo)
    for name in (
        "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", ".thumbnails/a.jpg", ".Trash-1000/files/old.jpg",
        ".trashed-1700000000-b.jpg", "._a.jpg", ".git/x.jpg",
    ):  # fmt: skip
        (folder / name).write_bytes(photo)
    (folder / "no end.jpg").write_bytes(photo[:-2])
    clear = small.convert("RGBA")
    clear.putalpha(0)
    clear.save(folder / "clear.bmp")
    tifffile.imwrite(folder / "white is 0.tif", 65535 - 257 * grey.astype(np.uint16),
                     photometric="miniswhite")  # fmt: skip
    Image.fromarray(16 * grey.astype(np.uint16)).save(folder / "twelve bits.png")
    tifffile.imwrite(folder / "complex.tif", grey.astype(np.complex64))
    (folder / "pointer.jpg").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid x\n")
    (folder / "half.jpg").write_bytes(photo[: len(photo) // 2])
    os.mkfifo(folder / "pipe.jpg")
    os.mkfifo(folder / "pipe")
    Path(os.fsdecode(bytes(folder) + b"/caf\xe9.jpg")).write_bytes(photo)
    (folder / "loop").symlink_to(folder)
    (folder / "notes.txt").write_text("no photo")
    command = [sys.executable, "-m", "fer", "score", str(folder), "--output", str(output)]
    done = subprocess.run(
        [*command, "--model", "cnn"], timeout=120, check=False, capture_output=True, text=True
    )
    assert done.returncode == ERRORS
    assert "Traceback" not in done.stderr
    table = pd.read_csv(output).set_index("path")
    assert table.index.is_unique
    read = {
        "a.jpg", "b.jfif", "no ending", "data:x/c.JPE", "日本.jpg", "./=1+1.jpg", "two\nlines.jpg",
        "no end.jpg", "clear.bmp", "white is 0.tif", "twelve bits.png",
    }  # fmt: skip
    refused = {
        "complex.tif": "TIFF", "pointer.jpg": "git lfs pull", "half.jpg": "damaged",
        "pipe.jpg": "not a regular file", "caf\\xe9.jpg": "not UTF-8", "loop/": "link",
    }  # fmt: skip
    assert set(table.index) == read | set(refused)
    assert set(table["status"][list(read)]) == {"ok"}
    assert set(table["emotion"][list(read)]) == {"happy"}
    assert set(table["status"][list(refused)]) == {"error"}
    for path, reason in refused.items():
        assert reason in table["error"][path], path


def test_a_file_url_means_the_folder(astronaut, tmp_path, monkeypatch):
    for name in ("my photos", "data:x", "100%"):
        (tmp_path / name).mkdir()
        astronaut.save(tmp_path / name / "a.jpg")
    monkeypatch.chdir(tmp_path)
    escaped = f"file://{tmp_path}/my%20photos"
    for folder in (
        escaped,
        f"file://localhost{tmp_path}/my%20photos",
        "data:x",
        f"file://{tmp_path}/100%",
    ):
        done = score(folder, "-", "--model", "cnn")
        assert done.exit_code == 0, done.stderr
        assert "\na.jpg,ok," in done.stdout
    output = tmp_path / "my results.csv"
    assert score(escaped, f"file://{tmp_path}/my%20results.csv", "--model", "cnn").exit_code == 0
    assert len(pd.read_csv(output)) == 1
    again = score(tmp_path / "my photos", output, "--model", "cnn")  # it is the same folder
    assert "1 photo had been done before" in again.stderr


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_folders_that_are_not_utf8_are_read_and_written_to(ending, astronaut, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    astronaut.save(folder / "a.jpg")
    output = folder / f"out.{ending}"
    done = score(folder, output, "--model", "cnn")
    assert done.exit_code == 0, done.stderr
    with open(output, "rb") as file:
        table = pd.read_parquet(file) if ending == "parquet" else pd.read_csv(file)
    assert table["status"].tolist() == ["ok"]


def test_what_is_scored_whole_counts_as_a_face(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("L", (48, 48), 128).save(tmp_path / "photos" / "crop.png")
    (tmp_path / "photos" / "notes.txt").touch()
    done = score(tmp_path / "photos", tmp_path / "out.csv")
    assert "whole_image" in (tmp_path / "out.csv").read_text()
    assert "1 photo, 1 face, 0 errors; 1 file of another kind skipped." in done.stderr
