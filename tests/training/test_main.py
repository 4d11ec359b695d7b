import json
import sys

import pandas as pd
import pytest

from fer.artifacts import load_network
from training.__main__ import main
from training.prepare import USAGE


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `python -m training …` in this process; return exit status, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["training", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return (ended.value.code or 0, *capsys.readouterr())

    return call


def test_train_leaves_a_whole_model(run, data, tmp_path):
    out = tmp_path / "tiny"
    status, stdout, stderr = run(
        "train", "cnn", "--data", data, "--out", out, "--images", 256, "epochs=1"
    )
    assert status == 0, stderr
    assert "test accuracy" in stdout
    names = {path.name for path in out.iterdir()}
    assert names == {
        "config.json", "model.safetensors", "metrics.json", "predictions.parquet",
        "history.csv", "recipe.toml", "README.md", "confusion.png",
    }  # fmt: skip
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["parameters"] == 524_999
    assert metrics["multiply_adds"] == 14_770_816
    assert len(pd.read_parquet(out / "predictions.parquet")) == 256
    config, _ = load_network(out)
    assert config.temperature != 1.0
    assert {path.name for path in tmp_path.iterdir()} == {"tiny", "tiny.ckpt"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "cnn", "--data", "/nowhere"], "has no train.parquet"),
        (["train", "nope", "--data", "/nowhere"], "no recipe 'nope'"),
        (["train", "cnn", "--data", "/nowhere", "epochs"], "'epochs' is not of the form"),
        (["evaluate", "nope", "--data", "/nowhere"], "no model 'nope'"),
    ],
)
def test_what_is_wrong_is_one_sentence(run, arguments, sentence):
    status, _, stderr = run(*arguments)
    assert status == 2
    assert sentence in stderr
    assert stderr.count("\n") == 1


def test_list_prints_each_recipe_with_its_result(run, cnn_folder):
    metrics = json.loads((cnn_folder / "metrics.json").read_text())
    lines = {line.split()[0]: line for line in run("list")[1].splitlines()}
    assert f"{metrics['splits']['test']['plain']['accuracy']:.4f}" in lines["cnn"]


def test_prepare_says_what_differs(run, tmp_path):
    pixels = " ".join(["7"] * 48 * 48)
    lines = [f"{label},{pixels},{usage}" for label, usage in enumerate(USAGE)]
    (tmp_path / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *lines]))
    status, stdout, _ = run("prepare", tmp_path / "fer2013.csv", tmp_path / "out")
    assert status == 0
    assert stdout.startswith("train has 1 images, officially 28709.\n")
    status, _, stderr = run("prepare", "/nowhere", tmp_path / "out")
    assert (status, stderr) == (2, "training: There is no /nowhere.\n")
