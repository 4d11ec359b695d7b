import json

import pandas as pd
import pytest
import torch

from fer.artifacts import MODELS, Artifact, save_weights
from fer.config import ModelConfig
from fer.networks import build_network
from training.engine import fit
from training.ensemble import assemble
from training.publish import check_artifact
from training.recipe import BadRecipe, load_recipe


def save(network, folder, config):
    save_weights(network, folder)
    (folder / "config.json").write_text(config.to_json())


@pytest.fixture
def noise(tmp_path):
    """A CNN that has learnt nothing."""
    torch.manual_seed(0)
    save(build_network("cnn"), tmp_path / "noise", ModelConfig("cnn"))


@pytest.fixture
def learnt(train, validation, tmp_path):
    """A CNN that has learnt the made patterns."""
    fast = {"epochs": "6", "batch_size": "56", "warmup_epochs": "1", "ema_decay": "0.8"}
    recipe = load_recipe("cnn", fast)
    (result,) = fit(recipe, train, validation, tmp_path / "learnt.ckpt")
    config = ModelConfig("cnn", preprocessing=recipe.preprocessing)
    save(result.network, tmp_path / "learnt", config)


def recipe_of(members):
    return load_recipe("ensemble", {"network_arguments.members": json.dumps(members)})


def test_takes_the_set_that_validates_best(noise, learnt, tmp_path, validation, capsys):
    result = assemble(recipe_of(["noise", "learnt"]), validation, tmp_path / "both")
    tried = result.chosen["tried"]
    assert set(tried) == {"noise", "learnt", "noise, learnt"}
    assert tried["learnt"] > tried["noise"] + 0.3
    best = max(tried.values())
    # Equally good, it is the smaller one.
    assert tried[", ".join(result.network_arguments["members"])] == best
    assert tried["learnt"] < best or result.network_arguments["members"] == ["learnt"]
    assert "validation, by the label" in capsys.readouterr().err


@pytest.mark.parametrize("members", [[], "cnn"])
def test_without_candidates_it_is_a_sentence(members, validation, tmp_path):
    with pytest.raises(BadRecipe, match="An ensemble needs"):
        assemble(recipe_of(members), validation, tmp_path / "none")


def test_training_one_leaves_a_whole_model(training_command, drawn, tmp_path):
    out = tmp_path / "pair"
    status, stdout, stderr = training_command(
        "train", "ensemble", "--data", drawn, "--out", out, "--images", 128,
        'network_arguments.members=["cnn", "flagship"]',
    )  # fmt: skip
    assert status == 0, stderr
    assert "test, by the votes: accuracy" in stdout
    assert {path.name for path in out.iterdir()} == {
        "config.json", "metrics.json", "predictions.parquet", "history.csv", "recipe.toml",
        "README.md", "confusion.png",
    }  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"pair"}
    artifact = Artifact(out)
    network = artifact.load_network()
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["parameters"] == sum(p.numel() for p in network.parameters())
    assert metrics["weights_bytes"] == sum(
        (MODELS / name).stat().st_size for name in metrics["weights_sha256"]
    )
    members = {name.split("/")[0] for name in metrics["weights_sha256"]}
    assert set(artifact.config.members) == members
    assert artifact.damaged_weights() == []
    check_artifact(out)
    assert artifact.history.empty
    assert len(pd.read_parquet(out / "predictions.parquet")) == 128
    card = (out / "README.md").read_text()
    assert "Nothing was trained for it" in card
    assert "| cnn, flagship |" in card
