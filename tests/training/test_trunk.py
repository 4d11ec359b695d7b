import dataclasses
import os
import time

import pytest
import torch
from safetensors.torch import save_file

from fer.errors import FerError
from fer.networks import build_network
from training.augment import Augmentation
from training.engine import fit
from training.recipe import BadRecipe, Recipe, load_recipe
from training.trunk import keep_trunk, part_network

UNVARIED = Augmentation(
    flip=0, rotate=0, shift=0, zoom=0, brightness=0, contrast=0, erase=0, mixup=0
)


@pytest.fixture
def recipe() -> Recipe:
    recipe = load_recipe(
        "efficientnet_v2_l-unfreeze20",
        {
            "network_arguments.blocks": "1",
            "network_arguments.dropout": "0.0",
            "init": "scratch",
            "precision": "32-true",
            "epochs": "2",
            "batch_size": "56",
            "warmup_epochs": "0",
        },
    )
    return dataclasses.replace(recipe, trunk_passes=1)


def test_the_two_parts_are_the_network(recipe):
    network = build_network(recipe.network, **recipe.network_arguments).eval()
    trunk, above = part_network(network, recipe)
    assert len(trunk) > 0
    faces = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        assert torch.equal(above(trunk(faces)), network(faces))


def test_a_network_on_another_device_is_parted_alike(recipe):
    network = build_network(recipe.network, **recipe.network_arguments)
    lengths = [len(part) for part in part_network(network, recipe)]
    # As on a GPU, a face on the CPU does not go through it; and this device every machine has.
    assert [len(part) for part in part_network(network.to("meta"), recipe)] == lengths


def test_what_learns_above_is_never_in_the_trunk(recipe):
    network = build_network(recipe.network, **recipe.network_arguments)
    lengths = [
        len(part_network(network, dataclasses.replace(recipe, trunk_below=below))[0])
        for below in (0, 1, 20, 45, 10_000)
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == 0


def test_learns_on_what_is_kept_as_through_the_whole(recipe, train, validation, tmp_path):
    recipe = dataclasses.replace(recipe, augmentation=UNVARIED)
    (kept,) = fit(recipe, train, validation, tmp_path / "kept" / "run.ckpt")
    through = dataclasses.replace(recipe, trunk_passes=0)
    (whole,) = fit(through, train, validation, tmp_path / "whole" / "run.ckpt")
    assert [path.name[:6] for path in (tmp_path / "kept").glob("*.safetensors")] == ["trunk-"]
    assert not list((tmp_path / "whole").glob("*.safetensors"))
    for one, other in zip(kept.history, whole.history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], abs=2e-3)
        assert one["validation_loss"] == pytest.approx(other["validation_loss"], abs=2e-3)
    assert kept.history[-1]["train_loss"] < kept.history[0]["train_loss"]


def test_experiments_share_what_is_kept_and_a_resumed_run_goes_on_with_it(
    recipe, train, validation, tmp_path
):
    recipe = dataclasses.replace(recipe, trunk_passes=2)
    (whole,) = fit(recipe, train, validation, tmp_path / "whole.ckpt")
    (file,) = tmp_path.glob("trunk-*")
    written = file.stat().st_mtime_ns

    frozen = dataclasses.replace(recipe, unfreeze_last=0)
    fit(frozen, train, validation, tmp_path / "frozen.ckpt")
    assert [path.stat().st_mtime_ns for path in tmp_path.glob("trunk-*")] == [written]

    other = dataclasses.replace(recipe, seed=1, epochs=1)
    fit(other, train, validation, tmp_path / "other.ckpt")
    assert len(list(tmp_path.glob("trunk-*"))) == 2, "other images, other answers"

    class Killed(Exception):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.engine._print_epoch", kill)
        with pytest.raises(Killed):
            fit(recipe, train, validation, tmp_path / "killed.ckpt")
    file.write_bytes(file.read_bytes()[:1000])  # and the disk was full
    (resumed,) = fit(recipe, train, validation, tmp_path / "killed.ckpt", resume=True)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


def test_two_processes_may_keep_the_same_at_once(recipe, train, validation, tmp_path, monkeypatch):
    """As those of torchrun do, and two experiments that are begun together."""
    trunk, _ = part_network(build_network(recipe.network, **recipe.network_arguments), recipe)
    targets = train.targets(recipe.votes_weight)
    others = []

    def save_as_another_does(tensors, path):
        save_file(tensors, path)
        if not others:
            others.append(path)
            keep()

    def keep():
        return keep_trunk(trunk, recipe, train, targets, validation, tmp_path)

    monkeypatch.setattr("training.trunk.save_file", save_as_another_does)
    first = keep()
    (file,) = tmp_path.iterdir()
    assert file.suffix == ".safetensors"
    assert torch.equal(keep().validation, first.validation)


def test_what_a_killed_process_left_is_taken_away(recipe, train, validation, tmp_path):
    """Gigabytes, under a name that no other process would ever write to."""
    old, new = (tmp_path / f"{name}-trunk-0.safetensors.new" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    day_ago = time.time() - 86_400
    os.utime(old, (day_ago, day_ago))
    fit(dataclasses.replace(recipe, epochs=1), train, validation, tmp_path / "run.ckpt")
    assert not old.exists()
    assert new.exists(), "another process may still be writing it"


def test_what_cannot_be_parted_is_said(recipe, train, validation, tmp_path):
    with pytest.raises(FerError, match="trunk_passes is for efficientnet_v2_l, not for 'cnn'"):
        fit(
            load_recipe("cnn", {"trunk_passes": "1", "trunk_below": "3", "unfreeze_last": "2"}),
            train,
            validation,
            tmp_path / "run.ckpt",
        )
    with pytest.raises(BadRecipe, match="between 0 and trunk_below"):
        load_recipe("efficientnet_v2_l-frozen", {"trunk_passes": "1", "unfreeze_last": "-1"})
    with pytest.raises(BadRecipe, match="no images that teachers could be asked for"):
        load_recipe("efficientnet_v2_l-frozen", {"trunk_passes": "1", "teachers": '["cnn"]'})
