"""Distillation: a network learns what its teachers answer."""

import dataclasses

import pytest

from fer.artifacts import save_weights
from fer.config import ModelConfig
from fer.errors import UnknownModel
from training.engine import fit
from training.recipe import load_recipe


def test_a_pupil_learns_its_teacher_s_answers_and_not_the_labels(train, validation, tmp_path):
    recipe = load_recipe(
        "cnn", {"epochs": "6", "batch_size": "56", "warmup_epochs": "1", "ema_decay": "0.8"}
    )
    (teacher,) = fit(recipe, train, validation, tmp_path / "teacher.ckpt")
    folder = tmp_path / "teacher"
    save(teacher.network, recipe, folder)
    # Labels that say nothing: all that there is to learn comes from the teacher.
    blind = dataclasses.replace(train, labels=train.labels.roll(3))
    pupil = dataclasses.replace(recipe, teachers=[str(folder)], teachers_weight=1.0)
    (result,) = fit(pupil, blind, validation, tmp_path / "pupil.ckpt")
    assert result.history[-1]["validation_accuracy"] > 0.8


def save(network, recipe, folder):
    save_weights(network, folder)
    config = ModelConfig(recipe.network, preprocessing=recipe.preprocessing)
    (folder / "config.json").write_text(config.to_json())


def test_a_teacher_that_is_not_there_is_a_sentence(train, validation, tmp_path):
    recipe = dataclasses.replace(load_recipe("cnn"), teachers=["nope"])
    with pytest.raises(UnknownModel, match="no model 'nope'"):
        fit(recipe, train, validation, tmp_path / "pupil.ckpt")
