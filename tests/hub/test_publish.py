"""What is published, and what is refused."""

import json
import shutil
from functools import partial

import pandas as pd
import pytest
import torch
from huggingface_hub import CommitOperationAdd, HfApi, RepoCard, constants

from fer.artifacts import MODELS, Artifact, save_weights
from fer.errors import HubError
from fer.networks import build_network
from tests.hub_server import TOKEN
from training.publish import Unfinished, publish_model
from training.space import ROOT, SPACE_FILES, stage_space


@pytest.fixture
def run(training_command):
    """Run `python -m training publish …` in this process; return exit status, stdout, stderr."""
    return partial(training_command, "publish")


def refused(run, *arguments: object) -> str:
    """Return the one sentence that a command ends with."""
    status, _, stderr = run(*arguments)
    assert status == 2
    *before, sentence = stderr.splitlines()
    assert sentence.startswith("training: ")
    assert not any("training:" in line or "Traceback" in line for line in before)
    return sentence


def test_publishes_in_one_commit_and_prints_its_address(server, run, artifact):
    status, stdout, stderr = run(artifact, "--repo-id", "org/emotions", "--private")
    assert status == 0, stderr
    assert stdout.startswith(f"{server.address}/org/emotions/commit/")
    assert len(server.asked("POST", "/api/models/org/emotions/commit/main")) == 1
    created = json.loads((server.folder / "models/org/emotions/created.json").read_text())
    assert created["visibility"] == "private"
    assert run(artifact, "--repo-id", "org/emotions")[0] == 0  # the same again: nothing to do
    assert len(server.asked("POST", "/api/models/org/emotions/commit/main")) == 1


def test_dry_run_writes_exactly_what_is_uploaded(server, run, artifact, tmp_path):
    (artifact / "notes.txt").write_text("mine")
    status, stdout, _ = run(artifact, "--repo-id", "org/cnn", "--dry-run", tmp_path / "dry")
    assert status == 0
    assert not server.requests
    run(artifact, "--repo-id", "org/cnn")
    files = {path.name: path.read_bytes() for path in (tmp_path / "dry").iterdir()}
    assert all(name in stdout for name in files)
    api = HfApi()
    uploaded = set(api.list_repo_files("org/cnn")) - {".gitattributes"}
    assert uploaded == set(files)
    assert "notes.txt" not in files
    for name, content in files.items():
        with open(api.hf_hub_download("org/cnn", name), "rb") as file:
            assert file.read() == content, name
    assert "is not an empty folder" in refused(
        run, artifact, "--repo-id", "org/cnn", "--dry-run", tmp_path / "dry"
    )


def test_all_go_up_with_a_collection(server, run, artifact, monkeypatch, tmp_path):
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path / "models")
    (tmp_path / "models").mkdir()
    artifact.rename(tmp_path / "models" / "cnn")
    (tmp_path / "models" / "half.partial").mkdir()
    (tmp_path / "models" / "half.partial" / "metrics.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    status, stdout, stderr = run("--all", "--repo-id", "org")
    assert status == 0, stderr
    assert len(stdout.splitlines()) == 2
    assert run("--all", "--repo-id", "org")[0] == 0  # the collection is there already
    (collection,) = server.collections.values()
    assert [item["id"] for item in collection["items"]] == ["org/cnn"]
    assert "organisation's name alone" in refused(run, "--all", "--repo-id", "org/cnn")


def test_all_leave_out_what_has_no_weights_and_say_so(server, run, artifact, monkeypatch, tmp_path):
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path / "models")
    shutil.copytree(artifact, tmp_path / "models" / "cnn")
    evidence = "efficientnet_lite2-frozen"
    shutil.copytree(MODELS / evidence, tmp_path / "models" / evidence)
    monkeypatch.chdir(tmp_path)
    arguments = ("--all", "--repo-id", "org")
    status, _, stderr = run(*arguments, "--dry-run", tmp_path / "dry")
    assert (status, stderr) == (0, f"Left out, their weights are not here: {evidence}.\n")
    assert [path.name for path in (tmp_path / "dry").iterdir()] == ["cnn"]
    status, _, stderr = run(*arguments)
    assert status == 0, stderr
    (collection,) = server.collections.values()
    assert [item["id"] for item in collection["items"]] == ["org/cnn"]
    shutil.rmtree(tmp_path / "models" / "cnn")
    assert "no finished model with weights" in refused(run, *arguments)


def test_an_ensemble_goes_up_after_its_members(
    server, run, training_command, data, artifact, monkeypatch, tmp_path
):
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path / "models")
    (tmp_path / "models").mkdir()
    artifact.rename(tmp_path / "models" / "members_come_first")
    status, _, stderr = training_command(
        "train", "ensemble", "--data", data, "--out", tmp_path / "models" / "all", "--images", 64,
        'network_arguments.members=["members_come_first"]',
    )  # fmt: skip
    assert status == 0, stderr
    assert "publish that one first" in refused(run, "all", "--repo-id", "org/all")
    assert not HfApi().repo_exists("org/all")
    status, _, stderr = run("--all", "--repo-id", "org")
    assert status == 0, stderr
    # It loads from the Hub alone, its members with it.
    fetched = Artifact.find("org/all")
    assert fetched.config.members == ["org/members_come_first"]
    assert "org/members_come_first" in (fetched.path / "README.md").read_text()
    network = fetched.load_network()
    noise = torch.rand(2, 1, 48, 48)
    cnn = Artifact(MODELS / "cnn")
    config, member = cnn.config, cnn.load_network()
    expected = (member(config.preprocessing.tensor(noise)) / config.temperature).softmax(1)
    assert torch.allclose(network(noise).exp(), expected, atol=1e-6)
    # Once its member is another one, its figures are no longer its own.
    member_folder = tmp_path / "models" / "members_come_first"
    save_weights(build_network("cnn"), member_folder)
    metrics = json.loads((member_folder / "metrics.json").read_text())
    metrics["weights_sha256"] = Artifact(member_folder).weight_digests()
    (member_folder / "metrics.json").write_text(json.dumps(metrics))
    assert run(member_folder, "--repo-id", "org/members_come_first")[0] == 0
    with pytest.raises(HubError, match=r"first/model\.safetensors cannot be trusted"):
        Artifact.find("org/all")


def test_an_export_goes_up_and_is_not_fetched_by_who_loads_the_weights(
    server, run, training_command, artifact
):
    status, _, stderr = training_command("export", artifact)
    assert status == 0, stderr
    for _ in range(2):  # over its own publication, too
        status, _, stderr = run(artifact, "--repo-id", "org/cnn")
        assert status == 0, stderr
    assert {"onnx/model.onnx", "onnx/export.json"} <= set(HfApi().list_repo_files("org/cnn"))
    fetched = Artifact.find("org/cnn").path
    assert (fetched / "model.safetensors").is_file()
    assert not (fetched / "onnx").exists()


def test_nor_are_the_weights_of_an_export_for_transformers(server, run, training_command, artifact):
    shutil.rmtree(artifact)
    shutil.copytree(MODELS / "mobilenet", artifact)
    status, _, stderr = training_command("export", artifact, "--format", "transformers")
    assert status == 0, stderr
    status, _, stderr = run(artifact, "--repo-id", "org/mobilenet")
    assert status == 0, stderr
    files = {"transformers/model.safetensors", "transformers/config.json"}
    assert files <= set(HfApi().list_repo_files("org/mobilenet"))
    fetched = Artifact.find("org/mobilenet").path
    assert (fetched / "model.safetensors").is_file()
    assert not (fetched / "transformers").exists()


def remove_predictions(folder):
    (folder / "predictions.parquet").unlink()


def remove_config(folder):
    (folder / "config.json").unlink()


def flatter(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["splits"]["test"]["plain"]["accuracy"] = 0.9
    (folder / "metrics.json").write_text(json.dumps(metrics))


def drop_predictions(folder):
    path = folder / "predictions.parquet"
    pd.read_parquet(path).iloc[1:].to_parquet(path, index=False)


def garble_predictions(folder):
    (folder / "predictions.parquet").write_bytes(b"PAR1 no")


def change_weights(folder):
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (remove_predictions, "predictions.parquet is missing"),
        (remove_config, "no model"),
        (flatter, "metrics.json states"),
        (drop_predictions, "metrics.json states"),
        (garble_predictions, "cannot be read"),
        (change_weights, "is not the file that metrics.json names"),
    ],
)
def test_what_is_unfinished_or_contradicts_itself_is_refused(
    server, run, artifact, damage, sentence
):
    damage(artifact)
    assert sentence in refused(run, artifact, "--repo-id", "org/cnn")
    assert not server.requests


def test_without_a_token(server, run, artifact, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    sentence = refused(run, artifact, "--repo-id", "org/cnn")
    assert "Not logged in" in sentence
    assert "`hf auth login`" in sentence
    assert "HF_TOKEN" in sentence


def test_with_a_wrong_token(server, run, artifact, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    sentence = refused(run, artifact, "--repo-id", "org/cnn")
    assert "does not accept the token" in sentence
    assert "hf auth login" in sentence


def test_without_the_right(server, run, artifact):
    assert "write access" in refused(run, artifact, "--repo-id", "strangers/cnn")


def test_without_a_network(connect, run, artifact):
    connect("http://127.0.0.1:9", TOKEN)
    assert "cannot be reached" in refused(run, artifact, "--repo-id", "org/cnn")


def test_offline(server, run, artifact, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused(run, artifact, "--repo-id", "org/cnn")


def test_an_upload_that_fails(server, run, artifact):
    server.statuses["PUT /lfs/"] = 403
    assert "no right" in refused(run, artifact, "--repo-id", "org/cnn")
    assert not server.asked("POST", "/commit/")


def test_a_repository_of_another_kind_is_not_overwritten(server, run, artifact):
    api = HfApi()
    api.create_repo("org/bert")
    operations = [CommitOperationAdd("config.json", b"{}"), CommitOperationAdd("a.bin", b"\0")]
    api.create_commit("org/bert", operations, commit_message="bert")
    assert "model of another kind (it holds a.bin)" in refused(
        run, artifact, "--repo-id", "org/bert"
    )
    assert "a.bin" in api.list_repo_files("org/bert")


def test_nor_is_a_branch_of_another_kind(server, run, artifact):
    api = HfApi()
    publish_model(artifact, "org/cnn")
    api.create_branch("org/cnn", branch="notes")
    add = [CommitOperationAdd("a.bin", b"\0")]
    api.create_commit("org/cnn", add, commit_message="theirs", revision="notes")
    assert "it holds a.bin" in refused(run, artifact, "--repo-id", "org/cnn", "--revision", "notes")
    assert "a.bin" in api.list_repo_files("org/cnn", revision="notes")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Say what to publish"),
        (["cnn", "--all"], "Say what to publish"),
        (["cnn"], "Say where to"),
        (["nope", "--repo-id", "org/cnn"], "no model 'nope'"),
        (["cnn", "--repo-id", "not a name"], "not the name of a Hub repository"),
        (["cnn", "--repo-id", "org/cnn", "--revision", "x", "--create-pr"], "not both"),
        (["--space", "org/app", "--revision", "x"], "give --space alone"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(server, run, arguments, sentence):
    assert sentence in refused(run, *arguments)
    assert not server.requests


def test_the_app_goes_up_as_a_space(server, run):
    status, stdout, stderr = run("--space", "org/app")
    assert status == 0, stderr
    assert stdout == f"{server.address}/spaces/org/app\n"
    created = json.loads((server.folder / "spaces/org/app/created.json").read_text())
    assert created["sdk"] == "docker"
    assert server.variables["org/app"]["STREAMLIT_SERVER_XSRF_COOKIE_SAME_SITE"] == "none"
    api = HfApi()
    files = set(api.list_repo_files("org/app", repo_type="space"))
    assert {"Dockerfile", "README.md", "streamlit_app.py", "requirements.txt"} <= files
    assert {
        "fer/recognizer.py",
        "pages/upload.py",
        "app/icon.svg",
        "models/cnn/model.safetensors",
    } <= files
    assert not any("pycache" in name or name.startswith(("tests", "training")) for name in files)
    card = RepoCard.load(api.hf_hub_download("org/app", "README.md", repo_type="space"))
    assert (card.data.sdk, card.data.app_port) == ("docker", 8501)
    assert run("--space", "org/app")[0] == 0  # again, as an update


def test_what_an_interrupted_command_left_is_not_part_of_a_space(tmp_path, monkeypatch):
    root = tmp_path / "checkout"
    for name in SPACE_FILES:
        source = ROOT / name
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            shutil.copy(source, target)
        else:
            target.mkdir()
    shutil.copy(ROOT / "README.md", root)
    for name in ("models/cnn", "models/cnn.partial", "models/cnn.old", "models/cnn/onnx.partial"):
        (root / name).mkdir()
        (root / name / "config.json").touch()
    (root / "models/cnn/metrics.json.new").touch()
    monkeypatch.setattr("training.space.ROOT", root)
    stage_space(tmp_path / "staged")
    there = {path.relative_to(tmp_path / "staged") for path in (tmp_path / "staged").rglob("*")}
    assert {str(path) for path in there if path.is_relative_to("models/")} == {
        "models", "models/cnn", "models/cnn/config.json",
    }  # fmt: skip


def test_a_space_of_another_kind_is_not_overwritten(server, run):
    api = HfApi()
    api.create_repo("org/app", repo_type="space", space_sdk="gradio")
    api.create_commit(
        "org/app", [CommitOperationAdd("app.py", b"")], repo_type="space", commit_message="theirs"
    )
    assert "space of another kind" in refused(run, "--space", "org/app")


def test_publishing_twice_needs_no_creation_right(server, artifact):
    publish_model(artifact, "org/cnn")
    server.statuses["POST /api/repos/create"] = 403
    (artifact / "history.csv").write_text("epoch\n")
    publish_model(artifact, "org/cnn")


def test_the_library_s_errors_are_its_own(artifact):
    with pytest.raises(HubError, match="not the name"):
        publish_model(artifact, "no-organisation")
    (artifact / "metrics.json").unlink()
    with pytest.raises(Unfinished, match=r"metrics\.json is missing"):
        publish_model(artifact, "org/cnn")
