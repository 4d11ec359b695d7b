import dataclasses

import pytest
import torch

from fer.errors import FerError
from fer.networks import build_network, predict_logits
from training.engine import fit, learning_rate
from training.recipe import load_recipe


@pytest.fixture
def recipe():
    fast = {"epochs": "4", "batch_size": "56", "warmup_epochs": "1", "ema_decay": "0.8"}
    return load_recipe("cnn", fast | {"precision": "32-true"})


def test_learning_rate_climbs_and_falls(recipe):
    rates = [learning_rate(recipe, epoch) for epoch in (0, 0.5, 1, 2.5, 4)]
    assert rates == pytest.approx([0, recipe.lr / 2, recipe.lr, recipe.lr / 2, 0], abs=1e-9)


def test_learns_and_keeps_the_epoch_that_validates_best(recipe, train, validation, tmp_path):
    longer = dataclasses.replace(recipe, epochs=8)
    (result,) = fit(longer, train, validation, tmp_path / "run.ckpt")
    accuracies = [line["validation_accuracy"] for line in result.history]
    assert accuracies[-1] > 0.9
    assert accuracies[result.chosen["epoch"] - 1] == max(accuracies)
    assert [line["epoch"] for line in result.history] == list(range(1, 9))
    logits = predict_logits(result.network, longer.preprocessing, validation.images)
    again = (logits.argmax(1) == validation.labels).float().mean().item()
    assert again == pytest.approx(max(accuracies), abs=1e-4)


def test_a_slow_average_follows_a_short_run_too(recipe, train, validation, tmp_path):
    # Forty steps: of the first weights, 0.998 a step would leave nine tenths in the average.
    slow = dataclasses.replace(recipe, epochs=8, ema_decay=0.998)
    (result,) = fit(slow, train, validation, tmp_path / "run.ckpt")
    assert result.history[-1]["validation_accuracy"] > 0.9


def test_killed_and_resumed_equals_undisturbed(recipe, train, validation, tmp_path, monkeypatch):
    (whole,) = fit(recipe, train, validation, tmp_path / "whole.ckpt")

    calls = 0
    step = torch.optim.SGD.step

    def dies_in_the_third_epoch(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == 12:  # five steps an epoch
            raise KeyboardInterrupt
        return step(*args, **kwargs)

    monkeypatch.setattr(torch.optim.SGD, "step", dies_in_the_third_epoch)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, train, validation, tmp_path / "run.ckpt")
    torch.rand(100)  # whatever else drew random numbers in between
    (resumed,) = fit(recipe, train, validation, tmp_path / "run.ckpt", resume=True)

    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    drop = [{k: v for k, v in line.items() if k != "seconds"} for line in resumed.history]
    assert drop == [{k: v for k, v in line.items() if k != "seconds"} for line in whole.history]


def test_another_recipe_s_checkpoint_is_refused(recipe, train, validation, tmp_path):
    short = dataclasses.replace(recipe, epochs=1)
    fit(short, train, validation, tmp_path / "run.ckpt")
    with pytest.raises(FerError, match="another recipe"):
        fit(recipe, train, validation, tmp_path / "run.ckpt", resume=True)


def test_other_data_are_another_run(recipe, train, validation, tmp_path):
    short, path = dataclasses.replace(recipe, epochs=1), tmp_path / "run.ckpt"
    fit(short, train, validation, path)
    changed = {"images": train.images.flip(-1), "labels": train.labels.flip(0)}
    others = [dataclasses.replace(train, **{name: value}) for name, value in changed.items()]
    for other, held_out in [
        *((other, validation) for other in [*others, train.head(56)]),
        (train, validation.head(28)),
    ]:
        with pytest.raises(FerError, match="on other data: give another --out"):
            fit(short, other, held_out, path, resume=True)
    # Older checkpoints do not say, or only how many images there were.
    saved = torch.load(path, weights_only=True)
    del saved["data"]
    torch.save(saved | {"images": len(train)}, path)
    assert fit(short, train, validation, path, resume=True)


def test_of_fewer_images_than_a_batch_has_the_training_accuracy_is_of_these(
    recipe, train, validation, tmp_path
):
    large = dataclasses.replace(recipe, epochs=12, batch_size=128)
    (result,) = fit(large, train.head(28), validation, tmp_path / "run.ckpt")
    counts = [28 * line["train_accuracy"] for line in result.history]
    assert counts == pytest.approx([round(count) for count in counts], abs=1e-3)


def test_interrupted_while_it_saves_keeps_the_older_checkpoint(
    recipe, train, validation, tmp_path, monkeypatch
):
    path = tmp_path / "run.ckpt"
    fit(dataclasses.replace(recipe, epochs=1), train, validation, path)
    before = path.read_bytes()
    save = torch.save

    def half(value, partial):
        save(value, partial)
        partial.write_bytes(partial.read_bytes()[:1000])
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(KeyboardInterrupt):
        fit(dataclasses.replace(recipe, epochs=1), train, validation, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x03\x04 half a file"])
def test_a_damaged_checkpoint_is_a_sentence(recipe, train, validation, tmp_path, content):
    (tmp_path / "run.ckpt").write_bytes(content)
    with pytest.raises(FerError, match="is not a checkpoint"):
        fit(recipe, train, validation, tmp_path / "run.ckpt", resume=True)


@pytest.mark.parametrize("balance", ["inverse", "effective", "sampler", "logits"])
def test_learns_with_every_balance(recipe, train, validation, tmp_path, balance):
    balanced = dataclasses.replace(recipe, balance=balance, epochs=6)
    (result,) = fit(balanced, train, validation, tmp_path / "run.ckpt")
    assert result.history[-1]["validation_accuracy"] > 0.6


def test_frozen_layers_stay_as_they_were(recipe, train, validation, tmp_path, capsys):
    torch.manual_seed(recipe.seed)
    before = build_network("cnn").state_dict()
    head_only = dataclasses.replace(recipe, unfreeze_last=0, epochs=1)
    (result,) = fit(head_only, train, validation, tmp_path / "run.ckpt")
    assert "524,999 parameters, 3,591 of them trainable, init scratch" in capsys.readouterr().err
    for name, value in result.network.state_dict().items():
        # Means and variances of the frozen batch norms among them.
        assert torch.equal(value, before[name]) != name.startswith("classifier.5"), name


def test_a_diverging_run_says_so(recipe, train, validation, tmp_path):
    with pytest.raises(FerError, match="lower lr"):
        fit(dataclasses.replace(recipe, lr=1e12), train, validation, tmp_path / "run.ckpt")
