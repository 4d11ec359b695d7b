"""Two heads on one backbone: they part into models that answer as they did together."""

import dataclasses

import pytest
import torch

from fer.networks import build_network, predict_logits
from training.engine import fit
from training.heads import narrow, part, widen
from training.recipe import load_recipe


def test_a_head_answers_alone_as_it_did_beside_the_other():
    torch.manual_seed(0)
    wide = build_network("cnn").eval()
    widen(wide, heads=2)
    faces = torch.rand(4, 1, 48, 48)
    for head in (0, 1):
        alone = build_network("cnn").eval()
        narrow(wide.state_dict(), alone, head)
        assert torch.allclose(alone(faces), part(wide(faces))[head], atol=1e-6)


def test_a_run_of_two_heads_leaves_two_models(train, validation, tmp_path):
    fast = {"epochs": "8", "batch_size": "56", "warmup_epochs": "1", "ema_decay": "0.8"}
    changes = {"votes_weight": "1.0", "choose_by": "votes", "label_head": "1.0"}
    recipe = load_recipe("cnn", fast | changes)
    # The annotators see another class than the label says: each head must have learnt its own.
    torn = dataclasses.replace(validation, labels=(validation.labels + 1) % 7)
    learnt = dataclasses.replace(train, labels=(train.labels + 1) % 7)
    votes, label = fit(recipe, learnt, torn, tmp_path / "run.ckpt")
    assert (votes.name, label.name) == ("cnn", "cnn-label")
    assert (votes.chosen["measure"], label.chosen["measure"]) == ("votes", "label")
    for result, truth in ((votes, torn.majority), (label, torn.labels)):
        answers = predict_logits(result.network, recipe.preprocessing, torn.images).argmax(1)
        assert (answers == truth).float().mean() > 0.8
    best = max(line["validation_votes_accuracy"] for line in votes.history)
    kept = votes.history[votes.chosen["epoch"] - 1]["validation_votes_accuracy"]
    assert kept == best == pytest.approx(1, abs=0.2)
