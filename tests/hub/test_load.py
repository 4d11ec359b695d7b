"""What can go wrong between a Hub and a model: each a sentence, and nothing that runs code."""

import json
import pickle

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, constants

from fer.artifacts import Artifact
from fer.errors import HubError, UnknownModel
from fer.recognizer import Recognizer
from training.publish import publish_model

GONE = "http://127.0.0.1:9"
"""Nobody answers there (the discard port)."""


@pytest.fixture
def published(server, artifact):
    """The name of a model on the loopback server."""
    publish_model(artifact, "org/cnn")
    server.requests.clear()
    return "org/cnn"


def refused(name: str, revision: str | None = None) -> str:
    """Return the one sentence with which a model is refused."""
    with pytest.raises(HubError) as caught:
        Recognizer.from_pretrained(name, revision=revision)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def add(repo_id: str, **files: bytes) -> None:
    """Commit files to a repository, by name with `_` for the dot, as anyone could."""
    operations = [
        CommitOperationAdd(name.replace("_", "."), content) for name, content in files.items()
    ]
    HfApi().create_commit(repo_id, operations, commit_message="change")


def test_a_repository_that_does_not_exist(server):
    assert "no model repository org/nothing on the Hub" in refused("org/nothing")
    assert "hf auth login" in refused("org/nothing")


def test_a_revision_that_is_gone(published):
    assert "org/cnn has no revision 'v9'" in refused(published, "v9")
    assert "has no revision" in refused(published, "0" * 40)


def test_a_folder_has_no_revision(artifact):
    with pytest.raises(UnknownModel, match="only Hub ids have revisions"):
        Recognizer.from_pretrained(artifact, revision="main")


def test_a_name_that_is_neither_is_not_looked_up(server):
    for name in ("nothing", "a/b/c", "../x", "org/", "org/na me"):
        with pytest.raises(UnknownModel, match="no model"):
            Artifact.find(name)
    assert not server.requests


def test_a_folder_that_is_not_there_is_said_to_be_missing(server):
    with pytest.raises(UnknownModel, match="There is no folder runs/efficientnet_v2_l here"):
        Artifact.find("runs/efficientnet_v2_l")


def test_another_kind_of_repository_is_refused_before_its_weights_come(server):
    HfApi().create_repo("org/bert")
    assert "org/bert on the Hub is not a model of this library" in refused("org/bert")
    add("org/bert", config_json=b'{"model_type": "bert"}', model_safetensors=b"\0" * 1000)
    assert "is not a model of this library" in refused("org/bert")
    add("org/bert", config_json=b"[]", metrics_json=b"[]")
    assert "is not a model of this library" in refused("org/bert")
    assert not server.asked("GET", "model.safetensors")


def test_weights_that_no_metrics_vouch_for(published, artifact):
    metrics = json.loads((artifact / "metrics.json").read_text())
    for stated in ({}, [], {"model.safetensors": "0" * 64}, {"other.safetensors": "0" * 64}):
        add(published, metrics_json=json.dumps(metrics | {"weights_sha256": stated}).encode())
        assert "safetensors cannot be trusted" in refused(published)


def test_only_a_model_s_files_are_downloaded_and_nothing_is_unpickled(
    server, published, tmp_path, recognizer
):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "boom"), "w"))

    add(published, pytorch_model_bin=pickle.dumps(Bomb()), modeling_py=b"print(1)")
    add(published, model_pickle=pickle.dumps(Bomb()))
    loaded = Recognizer.from_pretrained(published, detector=recognizer.detector)
    assert loaded.config == recognizer.config
    names = {path.name for path in Artifact.find(published).path.iterdir()}
    assert names == {
        "config.json", "model.safetensors", "metrics.json", "predictions.parquet",
        "history.csv", "recipe.toml", "README.md", "confusion.png", "robustness.json",
    }  # fmt: skip
    assert not (tmp_path / "boom").exists()


def test_a_pickle_under_the_weights_name_is_refused(server, published, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "boom"), "w"))

    add(published, model_safetensors=pickle.dumps(Bomb()))
    assert "model.safetensors cannot be trusted" in refused(published)
    assert not (tmp_path / "boom").exists()


def test_a_download_that_breaks_off_is_tried_again(server, published, recognizer):
    server.cut["model.safetensors"] = None
    loaded = Recognizer.from_pretrained(published, detector=recognizer.detector)
    assert loaded.config == recognizer.config
    assert len(server.asked("GET", "name=model.safetensors")) == 2


def test_a_download_that_breaks_off_for_good_is_a_sentence(server, published, recognizer):
    server.cut["model.safetensors"] = 500
    assert "The Hub answered 500 for org/cnn" in refused(published)
    server.statuses.clear()
    Recognizer.from_pretrained(published, detector=recognizer.detector)


def test_half_a_model_in_the_cache_is_not_used(server, published, monkeypatch, connect):
    server.statuses["GET /cdn/"] = 500
    refused(published)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "not whole in the cache" in refused(published)
    connect(GONE, None)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client tries for half a minute
    assert "cannot be reached" in refused(published)


def test_a_file_corrupted_in_the_cache(published, monkeypatch):
    weights = (Artifact.find(published).path / "model.safetensors").resolve()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert "SHA-256 is not the one in metrics.json" in refused(published)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "hf cache rm model/org/cnn" in refused(published)


def test_weights_of_another_architecture(server, artifact):
    config = artifact / "config.json"
    publish_model(artifact, "org/cnn")
    changed = config.read_text().replace('"network": "cnn"', '"network": "residual"')
    add("org/cnn", config_json=changed.encode())
    with pytest.raises(UnknownModel, match="cannot be loaded"):
        Recognizer.from_pretrained("org/cnn")


def test_offline_without_a_copy(server, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused("org/cnn")
    assert not server.requests


def test_no_network_and_no_copy(connect):
    connect(GONE, None)
    assert f"The Hub at {GONE} cannot be reached" in refused("org/cnn")


def test_no_network_but_a_copy(published, connect):
    folder = Artifact.find(published).path
    connect(GONE, None)
    assert Artifact.find(published).path == folder


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(401, "does not accept the token"), (403, "no right"), (500, "busy or down")],
)
def test_a_hub_that_refuses(server, published, status, sentence):
    server.statuses["/api/models/org/cnn"] = status
    assert sentence in refused(published)


def test_a_wrong_token(published, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    Artifact.find(published)  # a public model needs none


def test_progress_is_told_in_bytes(published, artifact):
    told: list[tuple[int, int]] = []
    Artifact.find(published, progress=lambda done, there: told.append((done, there)))
    assert told[-1][0] == told[-1][1] > (artifact / "model.safetensors").stat().st_size
    told.clear()
    Artifact.find(published, progress=lambda done, there: told.append((done, there)))
    assert not told  # from the cache
