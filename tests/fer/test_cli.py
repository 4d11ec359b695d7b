import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

import fer
from fer.cli import ERRORS, app


@pytest.fixture
def photos(tmp_path, astronaut, crowd):
    astronaut.save(tmp_path / "one.jpg")
    crowd.save(tmp_path / "forty.png")
    astronaut.crop((0, 300, 150, 450)).resize((600, 600)).save(tmp_path / "none.jpg")
    (tmp_path / "text.jpg").write_text("not a photo")
    return tmp_path


def test_predict_prints_a_line_for_each_face(photos):
    result = CliRunner().invoke(app, ["predict", str(photos / "one.jpg"), str(photos / "none.jpg")])
    assert result.exit_code == 0, result.output
    first, second = result.stdout.splitlines()
    assert first.startswith(f"{photos / 'one.jpg'}: happy ")
    assert second == f"{photos / 'none.jpg'}: no face found"


def test_predict_json_is_the_library_s_result(photos, recognizer, astronaut):
    arguments = [
        "predict",
        "--model",
        "cnn",
        "--json",
        str(photos / "one.jpg"),
        str(photos / "forty.png"),
    ]
    result = CliRunner().invoke(app, arguments)
    one, forty = (json.loads(line) for line in result.stdout.splitlines())
    assert one["path"] == str(photos / "one.jpg")
    (face,) = recognizer.recognize([photos / "one.jpg"])[0]
    assert one["faces"][0]["emotion"] == face.emotion
    assert one["faces"][0]["probabilities"]["happy"] == pytest.approx(face.probabilities[3])
    assert len(forty["faces"]) == 40


def test_what_cannot_be_read_is_named_after_the_rest_is_done(photos):
    command = [sys.executable, "-m", "fer", "predict"]
    paths = [str(photos / name) for name in ("text.jpg", "missing.jpg", "one.jpg")]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.startswith(f"{paths[2]}: happy")
    complaints = done.stderr.splitlines()
    assert len(complaints) == 2
    assert complaints[0].startswith(f"fer: {paths[0]}: This is not an image")
    assert complaints[1].startswith(f"fer: {paths[1]}: The file cannot be opened")


def test_it_says_its_version():
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"fer-studio {fer.__version__}\n")


def test_unknown_model_is_one_sentence(photos):
    result = CliRunner().invoke(app, ["predict", str(photos / "one.jpg"), "--model", "nope"])
    assert result.exit_code == 2
    assert result.stderr.startswith("fer: There is no model 'nope'")


def test_models_lists_accuracy_and_size(cnn_folder):
    metrics = json.loads((cnn_folder / "metrics.json").read_text())
    result = CliRunner().invoke(app, ["models"])
    line = next(line for line in result.stdout.splitlines() if line.startswith("cnn "))
    assert f"{metrics['splits']['test']['plain']['accuracy']:.2%}" in line
    assert f"{metrics['splits']['test']['votes']['plain']['accuracy']:.2%}" in line
    assert "1.1 MB" in line
    assert "first weights: random" in line
    # What is there as evidence alone is not offered as if it could be used.
    (frozen,) = (x for x in result.stdout.splitlines() if "lite2-frozen" in x)
    assert "not here" in frozen


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_a_name_that_the_terminal_cannot_write_is_escaped(encoding, photos, monkeypatch):
    names = [os.fsdecode(b"caf\xe9.jpg"), "日本.jpg", "one.jpg"]
    for name in names[:2]:
        os.link(photos / "one.jpg", photos / name)
    terminal = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.chdir(photos)
    app(["predict", "--model", "cnn", *names], standalone_mode=False)
    terminal.flush()
    lines = terminal.buffer.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(b"caf\\udce9.jpg: happy")
    assert lines[2].startswith(b"one.jpg: happy")


def test_a_pipe_is_named_and_not_waited_for(photos):
    os.mkfifo(photos / "pipe.jpg")
    result = CliRunner().invoke(app, ["predict", "--model", "cnn", str(photos / "pipe.jpg")])
    assert result.exit_code == 2
    assert "not a regular file" in result.stderr


LATIN = os.fsdecode(b"caf\xe9")


def tar(path, *members):
    with open(path, "wb") as file:
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(data)
            file.write(info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512))
        file.write(bytes(1024))


def shard_not_utf_8(folder, photo):
    tar(folder / f"{LATIN}.tar", ("a.jpg", tarfile.REGTYPE, photo))
    return ["score", folder / f"{LATIN}.tar"], 0, {"caf\\xe9.tar/a.jpg": "ok"}


def table_not_utf_8(folder, photo):
    with open(folder / f"{LATIN}.parquet", "wb") as file:
        pq.write_table(pa.table({"image": [photo, b"none"]}), file)
    rows = {"caf\\xe9.parquet/0": "ok", "caf\\xe9.parquet/1": "error"}
    return ["score", folder / f"{LATIN}.parquet"], ERRORS, rows


def video_not_utf_8(folder, photo):
    first = Image.open(io.BytesIO(photo))
    second = first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    first.save(folder / f"{LATIN}.gif", save_all=True, append_images=[second], duration=1000)
    return ["video", folder / f"{LATIN}.gif"], 0, {"caf\\xe9.gif": "ok"}


def manifest_of_a_damaged_page(folder, photo):
    path = folder / "m.parquet"
    pq.write_table(pa.table({"path": [f"{number}.jpg" for number in range(9)]}), path)
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes([255]) * 60 + data[64:])
    return ["score", path], 2, "m.parquet is damaged: "


def shard_of_headers_upon_headers(folder, photo):
    long = ("x", tarfile.GNUTYPE_LONGNAME, b"a.jpg\0")
    first, last = ("0.jpg", tarfile.REGTYPE, photo), ("a.jpg", tarfile.REGTYPE, photo)
    tar(folder / "s.tar", first, *[long] * 2000, last)
    return ["score", folder / "s.tar"], ERRORS, {"s.tar/0.jpg": "ok", "s.tar": "error"}


def folders_deeper_than_the_stack(folder, photo):
    (folder / "photos").mkdir()
    deep = folder / "photos"
    for _ in range(1500):
        deep /= "d"
        deep.mkdir()
    (deep / "a.jpg").write_bytes(photo)
    return ["score", folder / "photos"], 0, {"d/" * 1500 + "a.jpg": "ok"}


@pytest.mark.parametrize(
    "make",
    [
        shard_not_utf_8, table_not_utf_8, video_not_utf_8, manifest_of_a_damaged_page,
        shard_of_headers_upon_headers, folders_deeper_than_the_stack,
    ],
)  # fmt: skip
def test_whatever_is_wrong_is_a_row_or_a_sentence(make, photos, tmp_path):
    folder, output = tmp_path / "odd", tmp_path / "out.csv"
    folder.mkdir()
    try:
        command, status, expected = make(folder, (photos / "one.jpg").read_bytes())
        arguments = [*map(str, command), "--model", "cnn", "-o", str(output)]
        done = CliRunner().invoke(app, arguments)
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)  # pytest would recurse
    assert isinstance(done.exception, SystemExit | None), repr(done.exception)
    assert done.exit_code == status, done.stderr
    assert "Traceback" not in done.stderr
    if isinstance(expected, str):
        assert expected in done.stderr
    else:
        assert dict(pd.read_csv(output)[["path", "status"]].values) == expected


def test_a_full_temporary_disk_is_a_sentence(photos, tmp_path, monkeypatch):
    def full(name):
        database = sqlite3.Connection(name)
        database.execute("PRAGMA max_page_count = 1")
        return database

    monkeypatch.setattr(sqlite3, "connect", full)
    arguments = ["score", str(photos), "-o", str(tmp_path / "out.csv"), "--model", "cnn"]
    done = CliRunner().invoke(app, [*arguments, "--duplicates", "once"])
    assert done.exit_code == 2, repr(done.exception)
    assert "fer: The temporary disk" in done.stderr
    assert "leave out --duplicates once" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk always full")
@pytest.mark.parametrize("command", ["score", "dry-run", "video", "predict", "models", "--version"])
def test_a_full_disk_behind_stdout_is_a_sentence(command, photos, tmp_path):
    Image.new("RGB", (64, 64)).save(
        tmp_path / "v.gif", save_all=True, append_images=[Image.new("RGB", (64, 64), "red")]
    )
    arguments = {
        "score": ["score", str(photos), "-o", "-", "--model", "cnn"],
        "dry-run": ["score", str(photos), "--dry-run", "--model", "cnn"],
        "video": ["video", str(tmp_path / "v.gif"), "-o", "-", "--model", "cnn"],
        "predict": ["predict", str(photos / "one.jpg"), "--model", "cnn"],
    }.get(command, [command])
    line = [sys.executable, "-m", "fer", *arguments]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "fer: stdout cannot be written: No space left on device."


def test_a_table_for_a_closed_stdout_is_a_sentence(photos):
    line = f"{sys.executable} -m fer score {photos} -o - --model cnn >&-"
    done = subprocess.run(line, shell=True, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "fer: stdout cannot be written: Bad file descriptor."


def test_who_reads_no_further_ends_the_command_without_a_word(photos):
    line = [sys.executable, "-m", "fer", "score", str(photos), "-o", "-", "--model", "cnn"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        run.stdout.close()
        said = run.stderr.read()
    assert run.returncode == 1
    assert "fer: " not in said
    assert "Error" not in said
