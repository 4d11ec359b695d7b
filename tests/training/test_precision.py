"""The number format of a run: what the machine can, kept when resumed, stated as it was."""

import pytest
import torch

from training.precision import choose_precision, computes_bfloat16
from training.recipe import load_recipe

ABLE = [{"avx512_bf16": True}, {"amx_bf16": True}, {"architecture": "aarch64", "bf16": True}]
UNABLE = [{"avx2": True, "avx512_bf16": False, "amx_bf16": False}, {}]


@pytest.fixture
def cpu(monkeypatch):
    """Let this machine be one without accelerator, whose CPU can what is said."""

    def be(capabilities):
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: None)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)

    return be


@pytest.mark.parametrize("capabilities", ABLE)
def test_a_cpu_that_computes_bfloat16_does_as_the_recipe_says(cpu, capabilities):
    cpu(capabilities)
    recipe = load_recipe("cnn")
    assert recipe.precision == "bf16-mixed"
    assert choose_precision(recipe) == (recipe, None)


@pytest.mark.parametrize("capabilities", UNABLE)
def test_a_cpu_that_does_not_trains_in_float32_and_says_so(cpu, capabilities):
    cpu(capabilities)
    recipe, said = choose_precision(load_recipe("cnn"))
    assert recipe.precision == "32-true"
    assert said == (
        "cnn trains in 32-true and not in bf16-mixed, because this CPU has no instructions for "
        "bfloat16."
    )
    assert choose_precision(recipe) == (recipe, None)


def test_an_accelerator_does_as_the_recipe_says(cpu, monkeypatch):
    cpu({})
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: cuda)
    assert computes_bfloat16(cuda)
    assert choose_precision(load_recipe("cnn"))[0].precision == "bf16-mixed"


def test_the_folder_states_the_precision_and_a_resumed_run_keeps_it(
    cpu, training_command, drawn, tmp_path
):
    def train(*more):
        arguments = ("train", "cnn", "--data", drawn, "--images", 64, "--out", out, "epochs=1")
        return training_command(*arguments, *more)

    def stated():
        return load_recipe(str(out / "recipe.toml")).precision

    out = tmp_path / "slow"
    cpu(UNABLE[0])
    status, _, stderr = train()
    assert (status, stated()) == (0, "32-true"), stderr
    assert stderr.startswith("cnn trains in 32-true and not in bf16-mixed, because this CPU")
    cpu(ABLE[0])
    status, _, stderr = train("--resume")
    assert (status, stated()) == (0, "32-true"), stderr
    assert "cnn goes on in 32-true, as it began; its recipe says bf16-mixed." in stderr

    out = tmp_path / "able"
    status, _, stderr = train()
    assert (status, stated()) == (0, "bf16-mixed"), stderr
    cpu(UNABLE[0])
    status, _, stderr = train("--resume")
    assert (status, stated()) == (0, "bf16-mixed"), stderr
    assert "cnn goes on in bf16-mixed, as it began, and slowly: this CPU has no" in stderr
    status, _, stderr = train("--resume", "precision=32-true")
    assert (status, "was written with another recipe" in stderr) == (2, True)


def test_a_precision_that_is_given_is_kept(cpu, training_command, drawn, tmp_path):
    cpu(UNABLE[0])
    arguments = ("train", "cnn", "--data", drawn, "--images", 64, "--out", tmp_path / "given")
    status, _, stderr = training_command(*arguments, "epochs=1", "precision=bf16-mixed")
    assert status == 0, stderr
    assert "this CPU" not in stderr
    assert load_recipe(str(tmp_path / "given" / "recipe.toml")).precision == "bf16-mixed"
