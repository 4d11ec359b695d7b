import io
import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import fer
from fer.cli import app


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
