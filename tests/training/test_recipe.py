import dataclasses
import tomllib
import typing

import pytest

from fer.config import ENSEMBLE
from fer.networks import build_network
from training.recipe import BadRecipe, Recipe, list_recipes, load_recipe


@pytest.mark.parametrize("name", list_recipes())
def test_every_shipped_recipe_loads_and_builds(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    if recipe.network != ENSEMBLE:
        build_network(recipe.network, **recipe.network_arguments)


def test_resolved_recipe_reads_back(tmp_path):
    recipe = load_recipe("cnn", {"augmentation.mixup": "0.2", "seed": "3"})
    path = tmp_path / "resolved.toml"
    path.write_text(recipe.to_toml())
    assert load_recipe(str(path)) == recipe
    assert tomllib.loads(recipe.to_toml())["augmentation"]["mixup"] == 0.2


@pytest.mark.parametrize("text", ["🎭 Grüße", 'a "b" \\ c', "tab\tline\nbell\x07delete\x7f"])
def test_any_text_reads_back(text, tmp_path):
    recipe = dataclasses.replace(load_recipe("cnn"), init=text, teachers=[text])
    path = tmp_path / "cnn.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert load_recipe(str(path)) == recipe


def test_every_number_has_a_range():
    def numbers(kind, prefix=""):
        for key, hint in typing.get_type_hints(kind, include_extras=True).items():
            if dataclasses.is_dataclass(hint):
                yield from numbers(hint, f"{prefix}{key}.")
            elif hint in (int, float):
                yield prefix + key

    assert set(numbers(Recipe)) == {"preprocessing.mean"}  # which may be any number


def test_overrides_replace_values_of_any_depth():
    recipe = load_recipe("cnn", {"epochs": "3", "precision": "32-true", "preprocessing.mean": "0"})
    assert (recipe.epochs, recipe.precision, recipe.preprocessing.mean) == (3, "32-true", 0.0)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"epoch": "3"}, "no key 'epoch'"),
        ({"augmentation.blur": "3"}, "no key 'augmentation.blur'"),
        ({"epochs": "many"}, "epochs is a whole number, not 'many'"),
        ({"epochs": "1.5"}, "epochs is a whole number"),
        ({"lr": "fast"}, "lr is a number"),
        ({"compile": "1"}, "compile is true or false"),
        ({"augmentation": "1"}, "augmentation is a table"),
        ({"precision": "fp8"}, "precision is one of"),
        ({"epochs.x": "3"}, "epochs is a value"),
        ({"epochs": "0"}, "only an ensemble"),
        ({"batch_size": "0"}, "batch_size is from 2 to 1,000,000, not 0"),
        ({"lr": "-0.1"}, "lr is from"),
        ({"lr": "nan"}, "lr is from"),
        ({"ema_decay": "1.0"}, "ema_decay is from"),
        ({"unfreeze_last": "-2"}, "unfreeze_last is from -1"),
        ({"augmentation.zoom": "1.0"}, "augmentation.zoom is from 0 to 0.9"),
    ],
)
def test_wrong_values_are_named(overrides, sentence):
    with pytest.raises(BadRecipe, match=sentence):
        load_recipe("cnn", overrides)


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(BadRecipe, match="no recipe 'nope'; there are cnn"):
        load_recipe("nope")
    with pytest.raises(BadRecipe, match="no recipe file"):
        load_recipe(str(tmp_path / "nope.toml"))
    (tmp_path / "broken.toml").write_text("network = ")
    with pytest.raises(BadRecipe, match="is not TOML"):
        load_recipe(str(tmp_path / "broken.toml"))
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(BadRecipe, match="network"):
        load_recipe(str(tmp_path / "empty.toml"))
