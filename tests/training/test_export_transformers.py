"""Models for transformers: what its pipeline answers offline, and what is refused."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from fer.artifacts import MODELS, Artifact, save_weights
from fer.config import ModelConfig
from fer.emotions import EMOTIONS
from fer.faces.boxes import Box
from fer.faces.preprocessing import Preprocessing
from fer.networks import build_network
from fer.recognizer import Recognizer
from tests.training.test_export import HEAD
from training import export_transformers as exporting
from training.export import NotExported
from training.publish import stage_model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The default model, which is timm's and asks the mirror image, too, and its export."""
    folder = tmp_path_factory.mktemp("models") / "mobilenet"
    shutil.copytree(MODELS / "mobilenet", folder)
    exporting.export(Artifact(folder), folder / "transformers")
    return folder


@pytest.fixture
def model(exported, tmp_path):
    """The same, to change."""
    return shutil.copytree(exported, tmp_path / "model")


def one_view(folder):
    """The library's own way of answering, with one view."""
    recognizer = Recognizer.from_pretrained(folder)
    preprocessing = dataclasses.replace(recognizer.config.preprocessing, views="plain")
    recognizer.config = dataclasses.replace(recognizer.config, preprocessing=preprocessing)
    return recognizer


def answer(recognizer, picture):
    crops = recognizer.crop(picture, [Box(0, 0, *picture.size)])
    return dict(zip(EMOTIONS, recognizer.probabilities(crops)[0].tolist(), strict=True))


OFFLINE = """
import socket, sys
for name in ("fer", "training"):
    sys.modules[name] = None
def refuse(*arguments, **options):
    raise OSError("offline")
socket.socket.connect = socket.getaddrinfo = refuse
"""

MORE = """
import json
for path in sys.argv[1:]:
    said = classifier(path, top_k=7)
    print(json.dumps({answer["label"]: answer["score"] for answer in said}))
print(json.dumps(classifier.model.config.id2label))
"""


def test_the_card_s_snippet_and_more_faces_answer_as_the_library_does(
    exported, astronaut, tmp_path
):
    stage_model(exported, "org/name", tmp_path / "org" / "name")  # as it is published
    text = (tmp_path / "org" / "name" / "README.md").read_text()
    (snippet,) = [code for code in re.findall("```python\n(.*?)```", text, re.S) if "top_k" in code]
    face, other = astronaut.crop(HEAD), astronaut.crop((0, 300, 200, 500))
    pictures = {
        "face.jpg": face,
        "cloth.png": other,
        "face grey.png": face.convert("L").resize((112, 112)),
        "narrow grey.png": face.convert("L").crop((10, 0, 150, 160)),
        "cloth grey.png": other.convert("L"),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name, quality=95)
    done = subprocess.run(
        [sys.executable, "-I", "-c", OFFLINE + snippet + MORE, *pictures],
        cwd=tmp_path,
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    shown, answers, labels = lines[:7], lines[7:-1], lines[-1]
    assert list(json.loads(labels).values()) == list(EMOTIONS)
    recognizer = one_view(exported)
    expected = {}
    for name, line in zip(pictures, answers, strict=True):
        with Image.open(tmp_path / name) as picture:
            expected[name] = answer(recognizer, picture.copy())
        # The library's grey is in whole steps.
        near = 1e-4 if "grey" in name else 5e-3
        assert json.loads(line) == pytest.approx(expected[name], abs=near), name
    assert max(expected["cloth grey.png"].values()) < 0.9  # at which a temperature would show
    said = {label: float(share) for label, share in (line.split() for line in shown)}
    assert said == pytest.approx(expected["face.jpg"], abs=6e-4)
    assert list(said.values()) == sorted(said.values(), reverse=True)


def test_the_card_says_what_is_left_out(exported, training_command, model):
    def section():
        card = (model / "README.md").read_text()
        return card.partition("## With transformers")[2].partition("## How good")[0]

    assert not section()
    status, stdout, stderr = training_command("export", model, "--format", "transformers")
    assert status == 0, stderr
    assert re.fullmatch(r".*/transformers: at most \de-\d\d from .* one view\n", stdout)
    text, config = section(), Artifact(model).config
    assert f"in this order, {', '.join(EMOTIONS)}" in text
    for words in (
        "finds no face",
        "0.88 heights",
        "112 pixels",
        "one view of each face",
        f"{config.threshold:.3f} on",
    ):
        assert words in text, words
    plain = dataclasses.replace(config.preprocessing, views="plain")
    metrics = json.loads((model / "metrics.json").read_text()) | {"views": "plain"}
    (model / "metrics.json").write_text(json.dumps(metrics))
    (model / "config.json").write_text(dataclasses.replace(config, preprocessing=plain).to_json())
    assert training_command("card", model)[0] == 0
    assert "finds no face" in section()
    assert "mirror" not in section()


@pytest.mark.parametrize("channels", [1, 3])
def test_weights_of_grey_and_of_colour_are_both_written(channels, tmp_path):
    arguments = {"architecture": "mobilenetv3_small_050", "in_chans": channels}
    torch.manual_seed(0)
    network = build_network("timm", **arguments)
    preprocessing = Preprocessing(size=64, channels=channels, mean=0.4, std=0.3)
    config = ModelConfig("timm", arguments, preprocessing, temperature=0.1)
    save_weights(network, tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text(config.to_json())
    artifact = Artifact(tmp_path / "model")
    assert exporting.export(artifact, tmp_path / "out") < 1e-5
    first = load_file(tmp_path / "out" / "model.safetensors")["conv_stem.weight"]
    own = artifact.load_network().conv_stem.weight.sum(1)
    assert torch.allclose(first.sum(1), own, atol=1e-6)
    assert torch.allclose(first[:, 1], 0.587 * own, atol=1e-6)


def test_an_export_of_other_weights_or_another_temperature_is_not_published(model, tmp_path):
    def refuse(words):
        with pytest.raises(NotExported, match=words):
            stage_model(model, "org/name", tmp_path / "staged")

    config = Artifact(model).config
    (model / "config.json").write_text(dataclasses.replace(config, temperature=2.0).to_json())
    refuse("from what model does, more than 1e-04")
    larger = dataclasses.replace(config.preprocessing, mean=0.3)
    (model / "config.json").write_text(dataclasses.replace(config, preprocessing=larger).to_json())
    refuse("is not of this model: export it again")
    (model / "config.json").write_text(config.to_json())
    (model / "transformers" / "model.safetensors").write_bytes(b"cut off")
    refuse("cannot be read")


def test_what_cannot_be_exported_is_a_sentence(model, training_command, tmp_path, monkeypatch):
    def refused(*arguments):
        status, stdout, stderr = training_command("export", "--format", "transformers", *arguments)
        assert (status, stdout) == (2, "")
        (sentence,) = stderr.splitlines()
        return sentence

    monkeypatch.chdir(tmp_path)  # where nobody has trained a cnn of their own
    assert "its network is 'cnn'" in refused("cnn", "--output", tmp_path / "out")
    assert "'ensemble'" in refused("ensemble", "--output", tmp_path / "out")
    assert "--int8 goes with --format onnx" in refused(model, "--int8")
    assert "is not an export" in refused(model, "--output", model)
    monkeypatch.setattr(exporting, "LUMA", (0.3, 0.3, 0.3))
    before = (model / "transformers" / "model.safetensors").read_bytes()
    assert "more than 1e-04" in refused(model)
    assert (model / "transformers" / "model.safetensors").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"model"}
