import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

from fer.artifacts import MODELS, Artifact
from fer.errors import FerError
from fer.faces.preprocessing import VIEWS
from tests.conftest import ROOT
from training.__main__ import app, launched
from training.artifact import find_artifact
from training.prepare import USAGE


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def test_train_leaves_a_whole_model_that_has_learnt(training_command, drawn, tmp_path):
    out = tmp_path / "tiny"
    fast = ("epochs=8", "warmup_epochs=1", "batch_size=56", "ema_decay=0.9")
    status, stdout, stderr = training_command(
        "train", "cnn", "--data", drawn, "--out", out, "--images", 256, *fast
    )
    assert status == 0, stderr
    assert "test, by the label: accuracy" in stdout
    names = {path.name for path in out.iterdir()}
    assert names == {
        "config.json", "model.safetensors", "metrics.json", "predictions.parquet",
        "history.csv", "recipe.toml", "README.md", "confusion.png",
    }  # fmt: skip
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["parameters"] == 524_999
    assert len(pd.read_parquet(out / "predictions.parquet")) == 256
    test = metrics["splits"]["test"]
    assert test["plain"]["accuracy"] > 0.6  # of seven emotions in equal shares
    assert test["not_in_train"]["images"] == 255
    assert test["votes"]["plain"]["images"] == 256 - len(range(0, 256, 10))
    config = Artifact(out).config
    assert config.temperature != 1.0
    assert metrics["multiply_adds"] == len(VIEWS[config.preprocessing.views]) * 14_770_816
    assert {path.name for path in tmp_path.iterdir()} == {"tiny", "tiny.ckpt"}


@pytest.mark.parametrize("recipe", ["cnn-votes", "ensemble-votes"])
def test_without_votes_a_recipe_that_chooses_by_them_is_refused_before_it_begins(
    recipe, training_command, voteless, tmp_path
):
    arguments = ["train", recipe, "--data", voteless, "--images", 128, "--out", tmp_path / "run"]
    arguments += ["epochs=1"] if recipe == "cnn-votes" else []
    status, _, stderr = training_command(*arguments)
    assert status == 2, stderr
    *before, sentence = stderr.splitlines()
    assert sentence.startswith("training: No validation image has a majority of FER+ votes")
    assert "fer2013new.csv" in sentence
    assert not any("validation" in line for line in before)
    assert not list(tmp_path.iterdir())
    if recipe == "cnn-votes":
        way_out = re.search(r"choose_by=label votes_weight=0", sentence).group().split()
        status, _, stderr = training_command(*arguments, *way_out)
        assert status == 0, stderr


def in_a_process(*arguments: object, **options) -> subprocess.Popen:
    """Start `python -m training …` for real."""
    command = [sys.executable, "-m", *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(command, cwd=ROOT, text=True, **options)


def test_ended_by_sigterm_and_resumed_equals_undisturbed(drawn, tmp_path):
    common = ["--data", drawn, "--images", 384, "epochs=3", "warmup_epochs=0.5"]
    whole = in_a_process("training", "train", "cnn", "--out", tmp_path / "whole", *common)
    out, checkpoint = tmp_path / "run", tmp_path / "run.ckpt"
    run = in_a_process("training", "train", "cnn", "--out", out, *common)
    while not checkpoint.exists():
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.01)
    run.terminate()
    _, stderr = run.communicate(timeout=300)
    assert run.returncode == 2, stderr
    assert stderr.splitlines()[-1].startswith("training: Interrupted: the epochs done are in")
    assert not out.exists()

    resumed = in_a_process("training", "train", "cnn", "--out", out, "--resume", *common)
    for finished in (whole, resumed):
        _, stderr = finished.communicate(timeout=300)
        assert finished.returncode == 0, stderr
    first, second = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "run")
    )
    assert first == second


def test_a_full_disk_is_a_sentence_and_leaves_the_old_model(drawn, tmp_path):
    out = tmp_path / "tiny"
    out.mkdir()
    (out / "config.json").write_text("an older model")
    arguments = ["train", "cnn", "--data", drawn, "--out", out, "--images", 128, "epochs=1"]
    limit = (1_000_000, 1_000_000)  # bytes a file: less than a checkpoint
    run = in_a_process(
        "training",
        *arguments,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    _, stderr = run.communicate(timeout=300)
    assert run.returncode == 2, stderr
    assert f"training: The checkpoint {out}.ckpt cannot be written" in stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    assert (out / "config.json").read_text() == "an older model"


def test_two_processes_train_one_model(drawn, tmp_path):
    run = in_a_process(
        "torch.distributed.run", "--nproc-per-node", 2, "--master-port", free_port(),
        "-m", "training", "train", "cnn", "--data", drawn, "--out", tmp_path / "both",
        "--images", 128, "epochs=1",
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    stdout, stderr = run.communicate(timeout=300)
    assert run.returncode == 0, stderr
    assert stdout.count("test, by the label: accuracy") == 1
    assert Artifact(tmp_path / "both").config.network == "cnn"


def test_tensorboard_gets_each_epoch_s_figures(training_command, drawn, tmp_path):
    out = tmp_path / "tiny"
    status, _, stderr = training_command(
        "train", "cnn", "--data", drawn, "--out", out, "--images", 128, "--tensorboard", "epochs=2"
    )
    assert status == 0, stderr
    events = EventAccumulator(str(tmp_path / "tiny.tensorboard")).Reload()
    history = pd.read_csv(out / "history.csv")
    for name in ("train_loss", "validation_accuracy", "lr"):
        scalars = events.Scalars(name)
        assert [scalar.step for scalar in scalars] == [1, 2]
        assert [scalar.value for scalar in scalars] == pytest.approx(history[name].tolist())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "cnn", "--data", "/nowhere"], "no folder /nowhere"),
        (["train", "cnn", "--data", "/usr"], "has no train.parquet"),
        (["publish", "cnn", "--repo-id", "cnn", "--dry-run", "x"], "reads ORG/NAME"),
        (["publish", "--space", "A/B", "--repo-id", "C/D"], "give --space alone"),
        (["train", "nope", "--data", "/nowhere"], "no recipe 'nope'"),
        (["train", "cnn", "--data", "/nowhere", "epochs"], "'epochs' is not of the form"),
        (["evaluate", "nope", "--data", "/nowhere"], "no model 'nope'"),
        (["evaluate", "cnn", "--data", "/nowhere", "--choose-views"], "give --write, too"),
        (["evaluate", "cnn", "--data", "/nowhere", "--adjust-logits"], "give --write, too"),
    ],
)
def test_what_is_wrong_is_one_sentence(training_command, arguments, sentence):
    status, _, stderr = training_command(*arguments)
    assert status == 2
    assert sentence in stderr
    assert stderr.count("\n") == 1


def test_nothing_that_is_there_is_lost(training_command, train, tmp_path, monkeypatch):
    monkeypatch.setattr("training.data.load_split", lambda data, name: train)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years")
    (tmp_path / "my-label").mkdir()
    (tmp_path / "unfinished.ckpt").write_text("hours")
    (tmp_path / "file").write_text("")
    common = ("train", "cnn", "--data", tmp_path, "--out")
    for out, sentence, *overrides in (
        ("thesis", "is not a model's folder"),
        ("my", "my-label is there and is not a model's folder", "label_head=1", "epochs=1"),
        ("unfinished", "--resume goes on from there"),
        ("file", "is not a model's folder"),
        ("file/run", "cannot be written"),
    ):
        status, _, stderr = training_command(*common, tmp_path / out, *overrides)
        assert (status, sentence in stderr, stderr.count("\n")) == (2, True, 1), stderr
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years"
    assert (tmp_path / "unfinished.ckpt").read_text() == "hours"


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("preprocessing.channels=2", "cannot take faces of 2 channels"),
        ("preprocessing.size=20", "cannot take faces of 1 channels and 20 pixels"),
        ("network_arguments.dropout=7", "cannot be built"),
        ("teachers=[1]", "teachers[] is a text"),
    ],
)
def test_a_network_that_cannot_be_trained_is_one_sentence(
    training_command, override, sentence, train, tmp_path, monkeypatch
):
    monkeypatch.setattr("training.data.load_split", lambda data, name: train)
    out = ("--out", tmp_path / "run")
    status, _, stderr = training_command("train", "cnn", "--data", tmp_path, *out, override)
    assert (status, sentence in stderr, "Traceback" in stderr) == (2, True, False), stderr


def test_of_two_models_of_one_name_it_is_said_which_is_meant(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("cnn", "mine"):
        shutil.copytree(MODELS / "cnn", tmp_path / "runs" / name)
    assert find_artifact("cnn").path == MODELS / "cnn"
    assert "for the other of that name say runs/cnn" in capsys.readouterr().err
    assert find_artifact("mine").path == Path("runs/mine")
    assert find_artifact("runs/cnn").path == Path("runs/cnn")
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [["evaluate", "--write", "--data", "/nowhere"], ["robustness", "--data", "/nowhere"], ["card"]],
)
def test_nothing_is_written_into_the_hub_s_cache(
    command, training_command, cnn_folder, tmp_path, monkeypatch
):
    cached = shutil.copytree(cnn_folder, tmp_path / "snapshot")
    before = {path: path.read_bytes() for path in cached.iterdir()}
    monkeypatch.setattr("fer.artifacts.store.fetch_model", lambda *arguments: cached)
    status, _, stderr = training_command(command[0], "ORG/cnn", *command[1:])
    assert (status, stderr.count("\n")) == (2, 1), stderr
    assert "hf download ORG/cnn --local-dir" in stderr
    assert {path: path.read_bytes() for path in cached.iterdir()} == before


def test_a_trial_on_few_images_takes_the_place_of_no_measurement(training_command, data, tmp_path):
    folder = shutil.copytree(MODELS / "cnn", tmp_path / "cnn")
    before = (folder / "robustness.json").read_bytes()
    arguments = ("robustness", folder, "--data", data, "--images", 8)
    status, _, stderr = training_command(*arguments)
    assert (status, "robustness.json is there" in stderr) == (2, True), stderr
    assert (folder / "robustness.json").read_bytes() == before


def test_interrupted_in_the_first_epoch_no_checkpoint_is_promised(
    training_command, train, tmp_path, monkeypatch
):
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.data.load_split", lambda data, name: train)
    monkeypatch.setattr("training.engine.train_epoch", interrupt)
    out = ("--out", tmp_path / "run")
    status, _, stderr = training_command("train", "cnn", "--data", tmp_path, *out)
    assert status == 2
    sentence = stderr.splitlines()[-1]
    assert sentence == "training: Interrupted before there was anything to go on from."


def test_list_prints_each_recipe_with_its_result(training_command, cnn_folder):
    metrics = json.loads((cnn_folder / "metrics.json").read_text())
    lines = {line.split()[0]: line for line in training_command("list")[1].splitlines()}
    assert f"{metrics['splits']['test']['plain']['accuracy']:.4f}" in lines["cnn"]
    grown = lines["efficientnet_v2_l"]
    assert "votes, grown from efficientnet_v2_l-seed" in grown
    assert "run with" not in grown


def test_list_says_what_was_run_otherwise_as_the_command_line_takes_it(
    training_command, tmp_path, monkeypatch
):
    for name in ("cnn", "cnn-votes"):
        shutil.copytree(MODELS / name, tmp_path / name)
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path)
    recipe = tmp_path / "cnn" / "recipe.toml"
    text = recipe.read_text()
    assert "size = 48" in text
    recipe.write_text(text.replace("size = 48", "size = 40"))
    lines = {line.split()[0]: line for line in training_command("list")[1].splitlines()}
    assert lines["cnn"].endswith("; run with preprocessing.size=40")
    assert "run with" not in lines["cnn-votes"]


def test_prepare_says_what_differs(training_command, tmp_path):
    pixels = " ".join(["7"] * 48 * 48)
    lines = [f"{label},{pixels},{usage}" for label, usage in enumerate(USAGE)]
    (tmp_path / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *lines]))
    status, stdout, _ = training_command("prepare", tmp_path / "fer2013.csv", tmp_path / "out")
    assert status == 0
    assert stdout.startswith("train has 1 image, officially 28,709.\n")
    status, _, stderr = training_command("prepare", "/nowhere", tmp_path / "out")
    assert (status, stderr) == (2, "training: There is no /nowhere.\n")


def allocation(**variables: object) -> dict[str, str]:
    """What SLURM sets for four tasks on one node."""
    usual = {"NTASKS": 4, "JOB_NAME": "train", "JOB_ID": 1, "PROCID": 0, "LOCALID": 0, "NODEID": 0,
             "NNODES": 1, "JOB_NODELIST": "localhost"}  # fmt: skip
    return {f"SLURM_{name}": str(value) for name, value in (usual | variables).items()}


def test_by_hand_inside_an_allocation_this_machine_trains(monkeypatch):
    for name, value in allocation(STEP_NUM_TASKS=1).items():
        monkeypatch.setenv(name, value)
    assert launched("32-true", None).world_size == 1
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS")  # under salloc and sbatch there is no step
    assert launched("32-true", None).world_size == 1


@pytest.mark.parametrize("variables", [{"STEP_NUM_TASKS": 4}, {"PROCID": 3, "LOCALID": 3}])
def test_tasks_of_srun_that_do_not_fit_are_one_sentence(variables, monkeypatch):
    for name, value in allocation(**variables).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(FerError, match="torchrun --nproc-per-node") as caught:
        launched("32-true", None)
    assert "\n" not in str(caught.value)


def test_the_help_gives_each_command_a_line_of_its_own():
    said = CliRunner().invoke(app, ["--help"]).stdout.splitlines()
    assert "  python -m training list" in said


def test_the_help_loads_nothing_that_takes_seconds():
    line = "import sys, training.__main__; print({'torch', 'lightning', 'pandas'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == b"set()\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk always full")
@pytest.mark.parametrize("command", ["--help", "list"])
def test_a_full_disk_behind_stdout_is_a_sentence(command):
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with open("/dev/full", "wb") as full:
        run = in_a_process("training", command, env=buffered, stdout=full)
        _, stderr = run.communicate()
    assert run.returncode == 2
    assert stderr == "training: stdout cannot be written: No space left on device.\n"


def test_who_reads_no_further_ends_the_command_without_a_word():
    with in_a_process("training", "list") as run:
        run.stdout.close()
        said = run.stderr.read()
    assert (run.returncode, said) == (1, "")
