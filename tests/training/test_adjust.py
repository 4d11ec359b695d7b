"""Rare emotions named more often: what `adjust_logits` does to the model that is written."""

import dataclasses
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from fer.artifacts import Artifact
from fer.artifacts.store import RECIPE
from fer.errors import FerError
from training.artifact import measure_again, write_artifact
from training.balance import log_prior
from training.data import Split
from training.engine import fit
from training.heads import shift
from training.recipe import BadRecipe, load_recipe

LAST = "classifier.5"


def unbalanced(split: Split) -> Split:
    """Leave one in five of the images of disgust and fear."""
    rare = (split.labels == 1) | (split.labels == 2)
    kept = torch.where(rare, torch.arange(len(split)) % 5 == 0, True).nonzero().squeeze(1)
    return Split(split.images[kept], split.labels[kept], split.votes[kept], split.rows[kept])


@pytest.fixture(scope="module")
def written(train, validation, test_split, tmp_path_factory):
    """The same run, as it is and adjusted: both folders, and the data.

    What it has learnt is made faint and then bent towards what it saw most.
    """
    folder = tmp_path_factory.mktemp("models")
    overrides = {"epochs": "4", "warmup_epochs": "1", "batch_size": "32", "ema_decay": "0.9"}
    recipe = load_recipe("cnn", overrides)
    splits = (unbalanced(train), validation, test_split)
    for name, adjust in (("plain", False), ("adjusted", True)):
        asked = dataclasses.replace(recipe, adjust_logits=adjust)
        (result,) = fit(asked, *splits[:2], folder / f"{name}.ckpt")
        for parameter in result.network.get_submodule(LAST).parameters():
            parameter.data.mul_(0.02)
        shift(result.network, 0.3 * log_prior(splits[0].targets(votes_weight=0.0)))
        write_artifact(folder / name, asked, result, *splits)
    return Artifact(folder / "plain"), Artifact(folder / "adjusted"), splits


def weights(artifact: Artifact) -> dict[str, torch.Tensor]:
    return load_file(artifact.path / "model.safetensors")


def test_only_the_last_bias_changes_and_by_the_prior(written):
    plain, adjusted, (train, *_) = written
    before, after = weights(plain), weights(adjusted)
    assert {name for name in before if not before[name].equal(after[name])} == {f"{LAST}.bias"}
    strength = adjusted.metrics["logits_adjusted"]
    assert 0.2 <= strength <= 0.4
    moved = after[f"{LAST}.bias"].float() - before[f"{LAST}.bias"].float()
    expected = -strength * log_prior(train.targets(votes_weight=0.0))
    assert torch.allclose(moved, expected, atol=2e-3)


def test_rare_emotions_are_found_and_no_more_validation_images_are_wrong(written):
    measured = [artifact.metrics["splits"]["validation"] for artifact in written[:2]]
    plain, adjusted = (
        split[artifact.metrics["views"]]
        for split, artifact in zip(measured, written[:2], strict=True)
    )
    assert adjusted["correct"] >= plain["correct"]
    assert adjusted["macro_f1"] > plain["macro_f1"]
    assert adjusted["per_class"]["fear"]["recall"] > plain["per_class"]["fear"]["recall"]


def test_what_is_written_already_is_adjusted_once(written, tmp_path):
    plain, adjusted, splits = written
    model = shutil.copytree(plain.path, tmp_path / "cnn")
    measure_again(model, *splits, adjust=True)
    again = Artifact(model)
    bias = f"{LAST}.bias"
    assert torch.allclose(weights(again)[bias], weights(adjusted)[bias], atol=4e-3)
    assert again.metrics["logits_adjusted"] == adjusted.metrics["logits_adjusted"]
    assert again.damaged_weights() == []
    assert load_recipe(str(model / RECIPE)).adjust_logits
    assert "times the log of how often its emotion was learnt" in (model / "README.md").read_text()

    files = {path: path.read_bytes() for path in model.iterdir()}
    with pytest.raises(FerError, match="are adjusted already"):
        measure_again(model, *splits, adjust=True)
    assert {path: path.read_bytes() for path in model.iterdir()} == files


def test_the_head_of_labels_stays_as_it_is(written, tmp_path):
    plain, _, splits = written
    model = shutil.copytree(plain.path, tmp_path / "cnn-label")
    (model / "metrics.json").write_text(json.dumps(plain.metrics | {"model": "cnn-label"}))
    with pytest.raises(FerError, match="a second head"):
        measure_again(model, *splits, adjust=True)

    changes = {"votes_weight": "1.0", "choose_by": "votes", "label_head": "1.0", "epochs": "1"}
    recipe = load_recipe("cnn", changes | {"adjust_logits": "true"})
    votes, label = fit(recipe, *splits[:2], tmp_path / "run.ckpt")
    for head in (votes, label):
        write_artifact(tmp_path / head.name, recipe, head, *splits)
    assert "logits_adjusted" in Artifact(tmp_path / votes.name).metrics
    assert "logits_adjusted" not in Artifact(tmp_path / label.name).metrics


def test_ten_crops_stay_as_long_as_they_are_of_the_same_model(written, tmp_path):
    plain, _, splits = written
    model = shutil.copytree(plain.path, tmp_path / "cnn")

    def ten_crops() -> list[dict]:
        measured = Artifact(model).metrics["splits"]["test"]
        return [group["ten_crop"] for group in (measured, measured["votes"]) if "ten_crop" in group]

    measure_again(model, *splits, ten_crop=True)
    before = ten_crops()
    assert len(before) == 2
    measure_again(model, *splits)
    assert ten_crops() == before
    measure_again(model, *splits, adjust=True)
    assert not ten_crops()


@pytest.mark.parametrize("key", ["adjust_logits=true", "label_head=1"])
def test_an_ensemble_has_no_logits_of_its_own(key):
    with pytest.raises(BadRecipe, match="members have logits"):
        load_recipe("ensemble", dict([key.split("=")]))
