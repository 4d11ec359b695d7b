import json
import shutil
from pathlib import Path

import pytest
import torch

from fer.artifacts import (
    DEFAULT_MODEL,
    MODELS,
    Artifact,
    list_models,
    local_folders,
    save_weights,
    whole_folder,
)
from fer.artifacts.store import SHARDED, SINGLE
from fer.config import ModelConfig
from fer.errors import FerError, UnknownModel
from fer.faces.preprocessing import Framing, Preprocessing
from fer.networks import build_network


@pytest.fixture
def model(tmp_path):
    """A small but complete model's folder."""
    torch.manual_seed(0)
    folder = tmp_path / "tiny"
    save_weights(build_network("cnn"), folder)
    (folder / "config.json").write_text(ModelConfig("cnn", temperature=1.5).to_json())
    return folder


def test_config_survives_a_round_trip():
    config = ModelConfig(
        network="cnn",
        network_arguments={"dropout": 0.1},
        preprocessing=Preprocessing(size=64, channels=3, framing=Framing(side=1.1)),
        temperature=0.9,
    )
    assert ModelConfig.from_json(config.to_json()) == config


def test_weights_come_back_in_fp16_precision(model):
    torch.manual_seed(0)
    expected = build_network("cnn")
    artifact = Artifact(model)
    network = artifact.load_network()
    assert artifact.config.temperature == 1.5
    assert not network.training
    for name, value in network.state_dict().items():
        assert value.dtype in (torch.float32, torch.int64)
        assert torch.equal(value, expected.state_dict()[name].half().to(value.dtype)), name


def test_large_statistics_survive(tmp_path):
    network = build_network("cnn")
    network.features[2].running_var.fill_(1e6)
    save_weights(network, tmp_path)
    (tmp_path / "config.json").write_text(ModelConfig("cnn").to_json())
    assert (Artifact(tmp_path).load_network().features[2].running_var == 1e6).all()


def test_weights_are_readable_by_everyone(model):
    assert (model / "model.safetensors").stat().st_mode & 0o777 == 0o644


def test_weights_that_overflow_are_refused_before_writing(tmp_path):
    network = build_network("cnn")
    with torch.no_grad():
        network.classifier[1].weight[0, 0] = 1e6
    with pytest.raises(FerError, match=r"classifier\.1\.weight"):
        save_weights(network, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_finds_shipped_models_and_folders(model, monkeypatch, tmp_path):
    assert Artifact.find("cnn").path == MODELS / "cnn"
    assert Artifact.find(model).path == model
    with pytest.raises(UnknownModel, match=r"no model 'nope'.*cnn"):
        Artifact.find("nope")
    with pytest.raises(UnknownModel, match="no model 'aaa"):
        Artifact.find("a" * 300)  # longer than disks take
    assert list_models()[0] == DEFAULT_MODEL
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path)
    assert list_models() == ["tiny"]


def test_models_in_runs_come_after_those_that_ship(model, monkeypatch, tmp_path):
    models = tmp_path / "models"
    shutil.copytree(model, models / "tiny")
    for name in ("tiny", "mine", "half.partial"):
        shutil.copytree(model, tmp_path / "work" / "runs" / name)
    monkeypatch.setattr("fer.artifacts.store.MODELS", models)
    monkeypatch.chdir(tmp_path / "work")
    assert list_models() == ["tiny"]
    assert list_models(runs=True) == ["tiny", "mine"]
    assert local_folders("tiny") == [models / "tiny", Path("runs/tiny")]
    assert Artifact.find("tiny").path == models / "tiny"
    assert Artifact.find("mine").path == Path("runs/mine")
    assert Artifact.find("runs/tiny").path == Path("runs/tiny")


def break_config(folder):
    (folder / "config.json").write_text('{"network": "cnn"')


def reorder_labels(folder):
    values = json.loads((folder / "config.json").read_text())
    values["labels"].reverse()
    (folder / "config.json").write_text(json.dumps(values))


def cool_to_zero(folder):
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"temperature": 0}))


def add_key(folder):
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"surprise": 1}))


def remove_weights(folder):
    (folder / "model.safetensors").unlink()


def truncate_weights(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def drop_a_weight(folder):
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    state.pop("classifier.1.bias")
    save_file(state, folder / "model.safetensors")


@pytest.mark.parametrize(
    "damage",
    [
        break_config, reorder_labels, cool_to_zero, add_key,
        remove_weights, truncate_weights, drop_a_weight,
    ],
)  # fmt: skip
def test_damaged_models_are_refused_with_one_sentence(damage, model):
    damage(model)
    with pytest.raises(UnknownModel) as caught:
        Artifact(model).load_network()
    assert "\n" not in str(caught.value)
    assert str(model) in str(caught.value)


def test_where_weights_are_left_out_it_is_said_how_to_get_them(model, monkeypatch, tmp_path):
    (model / SINGLE).unlink()
    with pytest.raises(UnknownModel) as caught:
        Artifact(model).load_network()
    assert str(caught.value) == (
        f"The weights of tiny are not here: put its model.safetensors into {model}, or give its id "
        "on the Hub (ORG/tiny)."
    )
    (model / "recipe.toml").write_text('name = "small"\n')
    train = f"The weights of tiny are not here: train it .* train {model}/recipe.toml --data DIR"
    with pytest.raises(UnknownModel, match=train):
        Artifact(model).load_network()
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path)
    with pytest.raises(UnknownModel, match=r"`python -m training train small --data DIR`\), or"):
        Artifact.find("tiny").load_network()


def test_replacing_a_folder_leaves_nothing_of_the_old_one(model, tmp_path):
    (model / "stale").touch()
    with pytest.raises(OSError, match="full"), whole_folder(model) as new:
        raise OSError("The disk is full.")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    assert (model / "stale").exists()
    with whole_folder(model) as new:
        (new / "config.json").touch()
    assert [path.name for path in model.iterdir()] == ["config.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_interrupted_as_it_is_replaced_a_folder_is_the_old_one(model, tmp_path, monkeypatch):
    rename = Path.rename

    def interrupted(path, target):
        if path.name.endswith(".partial"):
            raise KeyboardInterrupt
        rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), whole_folder(model):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    assert (model / "config.json").exists()


@pytest.mark.parametrize("sharded", [False, True])
def test_a_git_lfs_pointer_is_named_as_one(sharded, model):
    (model / SINGLE).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1049000\n"
    )
    if sharded:
        (model / SINGLE).rename(model / "model-00001-of-00002.safetensors")
        (model / SHARDED).write_text("{}")
    with pytest.raises(UnknownModel, match="Git LFS pointer, not the weights: run `git lfs pull`"):
        Artifact(model).load_network()


@pytest.mark.parametrize(
    "change",
    [{"std": 0.0}, {"mean": float("nan")}, {"size": 0}, {"size": "48"}, {"channels": 0}],
)
def test_a_config_by_which_no_answer_is_a_number_is_refused(change):
    """Without a spread to divide by, each probability was NaN, and nothing said so."""
    values = json.loads(ModelConfig("cnn").to_json())
    values["preprocessing"] |= change
    with pytest.raises((ValueError, TypeError)):
        ModelConfig.from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"threshold": "0.5"}, "its threshold is from 0 to 1, not '0.5'"),
        ({"threshold": float("nan")}, "its threshold is from 0 to 1, not nan"),
        ({"network": ["cnn"]}, r"its network is \['cnn'\]"),
        ({"network_arguments": ["blocks"]}, r"its network_arguments is \['blocks'\]"),
        ({"purpose": 1}, "its purpose is 1"),
        ({"preprocessing": {"size": 64.5}}, "its size is from 16 to 1,024, not 64.5"),
        ({"preprocessing": {"framing": {"side": 0}}}, "its side is from 0.1 to 10, not 0"),
        ({"preprocessing": {"framing": {"centre_x": "left"}}}, "its centre_x is from 0 to 1"),
        ({"preprocessing": {"framing": {"centre_y": float("nan")}}}, "its centre_y is from 0 to 1"),
    ],
)
def test_a_config_that_would_fail_at_the_first_face_is_refused(change, said, tmp_path):
    values = json.loads(ModelConfig("cnn").to_json())
    preprocessing = values["preprocessing"] | change.get("preprocessing", {})
    text = json.dumps(values | change | {"preprocessing": preprocessing})
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UnknownModel, match=f"is not a model's config: {said}"):
        Artifact(tmp_path).config  # noqa: B018
