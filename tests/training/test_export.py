"""Models as ONNX: what the files say and answer, what is refused, and the card's own snippet."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from fer.artifacts import MODELS, Artifact, save_weights
from fer.artifacts.export import FLOAT, INT8, REPORT, Export
from fer.config import ENSEMBLE, ModelConfig
from fer.emotions import EMOTIONS
from fer.errors import UnknownModel
from fer.faces.boxes import Box
from fer.faces.preprocessing import Preprocessing, enlarge
from fer.networks import build_network
from fer.recognizer import Recognizer
from tests.conftest import ROOT
from training import export as exporting
from training.data import load_split
from training.publish import stage_model

HEAD = Box(150, 20, 310, 180)
"""A square around the astronaut's face."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model that asks the mirror image, too, and its files."""
    folder = tmp_path_factory.mktemp("models") / "cnn-votes"
    shutil.copytree(MODELS / "cnn-votes", folder)
    exporting.export(Artifact(folder), folder / "onnx")
    return folder


@pytest.fixture
def model(exported, tmp_path):
    """The same, to change."""
    return shutil.copytree(exported, tmp_path / "model")


def answers(path, *crops):
    """Ask a file as anyone would; a crop for each of its inputs."""
    session = onnxruntime.InferenceSession(path)
    names = [wanted.name for wanted in session.get_inputs()]
    return session.run(None, dict(zip(names, crops, strict=True)))[0]


def test_answers_as_the_recognizer_does_however_many_faces_there_are(exported, astronaut):
    recognizer = Recognizer.from_pretrained(exported)
    squares = [HEAD, Box(100, 0, 340, 240), Box(160, 40, 260, 140)]
    crops = recognizer.crop(astronaut, squares)
    expected = recognizer.probabilities(crops).numpy()
    assert expected.max() > 0.5
    pixels = crops.by_size[48][:, 0].numpy()
    given = answers(exported / "onnx" / FLOAT, pixels)
    assert given.dtype == np.float32
    assert given == pytest.approx(expected, abs=1e-5)
    assert answers(exported / "onnx" / FLOAT, pixels[1:2]) == pytest.approx(expected[1:2], abs=1e-5)
    # The mirror image is asked inside, so which of the two is given is the same.
    assert answers(exported / "onnx" / FLOAT, pixels[..., ::-1].copy()) == pytest.approx(
        expected, abs=1e-5
    )


def test_the_file_says_what_it_is_and_not_where_it_was_made(exported):
    path = exported / "onnx" / FLOAT
    session = onnxruntime.InferenceSession(path)
    (faces,), (probabilities,) = session.get_inputs(), session.get_outputs()
    assert (faces.name, faces.type, faces.shape) == ("faces", "tensor(uint8)", ["faces", 48, 48])
    assert (probabilities.name, probabilities.shape) == ("probabilities", ["faces", 7])
    stated = session.get_modelmeta().custom_metadata_map
    assert tuple(stated["labels"].split(",")) == EMOTIONS
    export = Export.read(Artifact(exported))
    assert stated["opset"] == str(export.opset) == str(exporting.OPSET)
    assert json.loads(stated["shapes"]) == {"inputs": export.inputs, "outputs": export.outputs}
    content = path.read_bytes()
    assert str(ROOT).encode() not in content
    assert b"site-packages" not in content


def test_an_ensemble_is_one_file_with_an_input_for_each_size(tmp_path):
    arguments = {"width": 16, "depths": [1, 1, 1, 1]}
    large = ModelConfig("residual", arguments, Preprocessing(size=64, std=0.3), temperature=2)
    save_weights(build_network("residual", **arguments), tmp_path / "large")
    (tmp_path / "large" / "config.json").write_text(large.to_json())
    shutil.copytree(MODELS / "cnn-votes", tmp_path / "small")
    both = ModelConfig(ENSEMBLE, {"members": ["small", "large"]}, temperature=0.8)
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "config.json").write_text(both.to_json())
    artifact = Artifact(tmp_path / "both")
    written = exporting.export(artifact, tmp_path / "both" / "onnx")
    assert written.inputs == {
        "faces_48": ["faces", 48, 48],
        "faces_64": ["faces", 64, 64],
    }
    images = exporting.made_images(5)
    given = answers(
        tmp_path / "both" / "onnx" / FLOAT, images[:, 0].numpy(), enlarge(images, 64)[:, 0].numpy()
    )
    expected = Recognizer.from_pretrained(artifact).probabilities(images)
    assert given == pytest.approx(expected.numpy(), abs=1e-5)


def test_int8_is_measured_on_validation_and_the_card_says_so(
    model, drawn, training_command, monkeypatch
):
    monkeypatch.setattr(exporting, "MOST_LOST", 1.0)  # the model does not know these faces
    status, stdout, stderr = training_command(
        "export", model, "--format", "onnx", "--int8", "--data", drawn
    )
    assert status == 0, stderr
    first, second = stdout.splitlines()
    assert "onnx/model.onnx: opset 18, uint8 faces [faces, 48, 48], float32 prob" in first
    assert "from the library on 256 test images" in first
    assert "onnx/model_quantized.onnx: opset" in second
    validation = load_split(drawn, "validation")
    export = Export.read(Artifact(model))
    for name, line in ((FLOAT, first), (INT8, second)):
        named = answers(model / "onnx" / name, validation.images[:, 0].numpy()).argmax(1)
        for measure, truth in (("label", validation.labels), ("votes", validation.majority)):
            right = int((named == truth.numpy()).sum())
            assert export.correct[name][measure] == right
            share = right / export.images[measure]
            assert f"by the {measure} {share:.4f}" in line
            assert (
                f"{share:.4f} ({right} of {export.images[measure]})"
                in (model / "README.md").read_text()
            )
    assert export.size[INT8] < 0.4 * export.size[FLOAT]
    answered = answers(model / "onnx" / INT8, validation.images[:1, 0].numpy())
    assert answered.sum() == pytest.approx(1, abs=1e-5)


def test_int8_that_loses_too_much_is_refused(model, drawn, training_command, monkeypatch, tmp_path):
    def write_opposite(source, path, train, sizes):
        network = Artifact(model).load_network()
        # Says what is least likely.
        config = dataclasses.replace(Artifact(model).config, temperature=-1.0)
        exporting.write_float(config, network, sizes, path)

    monkeypatch.setattr(exporting, "write_int8", write_opposite)
    status, stdout, stderr = training_command(
        "export", model, "--int8", "--data", drawn, "--output", tmp_path / "out"
    )
    assert (status, stdout) == (2, "")
    assert "In int8 the accuracy on validation by the votes falls from" in stderr
    assert list(tmp_path.iterdir()) == [model]


def test_int8_of_a_model_chosen_by_votes_needs_them(model, voteless, training_command, tmp_path):
    status, stdout, stderr = training_command(
        "export", model, "--int8", "--data", voteless, "--output", tmp_path / "out"
    )
    assert (status, stdout) == (2, "")
    assert "No validation image has a majority of FER+ votes" in stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == [model]


OFFLINE = """
import socket, sys
for name in ("torch", "timm", "fer", "training", "huggingface_hub"):
    sys.modules[name] = None
def refuse(*arguments, **options):
    raise OSError("offline")
socket.socket.connect = socket.getaddrinfo = refuse
"""


def test_the_card_s_snippet_runs_with_onnxruntime_numpy_and_pillow_alone(
    exported, astronaut, tmp_path
):
    stage_model(exported, "org/name", tmp_path)  # as it is published
    text = (tmp_path / "README.md").read_text()
    (snippet,) = [code for code in re.findall("```python\n(.*?)```", text, re.S) if "onnx" in code]
    face = astronaut.crop(HEAD)
    face.save(tmp_path / "face.jpg", quality=95)
    code = OFFLINE + snippet
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = dict(line.split() for line in done.stdout.splitlines())
    recognizer = Recognizer.from_pretrained(exported)
    with Image.open(tmp_path / "face.jpg") as photo:
        crops = recognizer.crop(photo, [Box(0, 0, *photo.size)])
    expected = recognizer.probabilities(crops)[0].tolist()
    assert list(said) == list(EMOTIONS)
    assert [float(share) for share in said.values()] == pytest.approx(expected, abs=6e-4)


def test_an_export_of_another_temperature_is_not_published(model, tmp_path):
    config = dataclasses.replace(Artifact(model).config, temperature=2.0)
    (model / "config.json").write_text(config.to_json())
    with pytest.raises(exporting.NotExported, match="from what model does, more than 1e-04"):
        stage_model(model, "org/name", tmp_path / "staged")


def test_files_that_are_not_the_export_s_are_refused(model):
    with (model / "onnx" / FLOAT).open("ab") as file:
        file.write(b"more")
    with pytest.raises(UnknownModel, match=r"does not hold the files that its export\.json names"):
        Export.read(Artifact(model))
    (model / "onnx" / REPORT).write_text("{}")
    with pytest.raises(UnknownModel, match=r"export\.json cannot be read"):
        Export.read(Artifact(model))
    shutil.rmtree(model / "onnx")
    assert Export.read(Artifact(model)) is None


def test_what_cannot_be_exported_is_a_sentence(exported, training_command, monkeypatch, tmp_path):
    def refused(*arguments):
        status, stdout, stderr = training_command("export", exported, *arguments)
        assert (status, stdout) == (2, "")
        (sentence,) = stderr.splitlines()
        return sentence

    assert "give --data DIR as well" in refused("--int8")
    (tmp_path / "mine.txt").write_text("kept")
    assert "is not an export: give another --output" in refused("--output", tmp_path)
    monkeypatch.setattr(exporting, "TOLERANCE", 0.0)
    assert "from what " in refused()
    assert Export.read(Artifact(exported)) is not None  # the older export stays
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert "need the package onnxscript: pip install -e '.[export]'" in refused()
    assert {path.name for path in tmp_path.iterdir()} == {"mine.txt"}
