"""Published, loaded, loaded again without a network: the real client, end to end."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi, ModelCard, constants
from typer.testing import CliRunner

from fer.artifacts import Artifact, save_weights
from fer.cli import app
from fer.errors import HubError
from fer.recognizer import Recognizer
from tests.conftest import ROOT
from training.publish import publish_model


@pytest.fixture
def photo(tmp_path, astronaut):
    astronaut.save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def predict(model: str, photo: Path, environment: dict[str, str]) -> list[dict]:
    """Run `fer predict` in a process of its own; return the faces, floats to the last bit."""
    command = [sys.executable, "-m", "fer", "predict", "--json", "--model", model, str(photo)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["faces"]


def test_published_is_local_to_the_last_bit_also_offline(hub, artifact, photo):
    repo_id = hub.name("cnn")
    publish_model(artifact, repo_id)
    command = ["predict", "--json", "--model", str(artifact), str(photo)]
    local = json.loads(CliRunner().invoke(app, command).stdout)["faces"]
    assert local[0]["emotion"] == "happy"
    assert predict(repo_id, photo, hub.environment()) == local
    # Offline, and at an address where nobody answers.
    gone = hub.environment(HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
    assert predict(repo_id, photo, gone) == local


def test_the_card_s_snippet_runs_as_pasted(hub, artifact, photo, monkeypatch, capsys):
    repo_id = hub.name("cnn")
    publish_model(artifact, repo_id)
    card = ModelCard.load(Artifact.find(repo_id).path / "README.md")
    snippet = re.search(r"```python\n(.*?)```", card.text, re.DOTALL)[1]
    assert repo_id in snippet
    monkeypatch.chdir(photo.parent)
    exec(compile(snippet, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("happy 0.9")


def test_two_versions_load_by_revision(hub, artifact, monkeypatch, recognizer):
    repo_id = hub.name("cnn")
    publish_model(artifact, repo_id)
    first = HfApi().model_info(repo_id).sha
    config = artifact / "config.json"
    config.write_text(re.sub(r'"temperature": .*,', '"temperature": 9.0,', config.read_text()))
    (artifact / "history.csv").write_text("epoch\n")
    publish_model(artifact, repo_id)
    second = HfApi().model_info(repo_id).sha
    assert first != second

    detector = recognizer.detector
    loaded = {
        revision: Recognizer.from_pretrained(repo_id, revision=revision, detector=detector)
        for revision in (first, second, None)
    }
    assert loaded[second].config.temperature == loaded[None].config.temperature == 9.0
    noise = torch.randint(0, 256, (3, 1, 48, 48), dtype=torch.uint8)
    assert torch.equal(loaded[first].probabilities(noise), recognizer.probabilities(noise))
    assert not torch.equal(loaded[second].probabilities(noise), recognizer.probabilities(noise))

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    offline = Recognizer.from_pretrained(repo_id, revision=first, detector=detector)
    assert offline.config == recognizer.config
    assert Artifact.find(repo_id).path.name == second
    with pytest.raises(HubError, match="HF_HUB_OFFLINE"):
        Artifact.find(repo_id, revision="never-loaded")


def test_a_branch_and_a_pull_request_leave_main_alone(hub, artifact):
    repo_id = hub.name("cnn")
    publish_model(artifact, repo_id)
    main = HfApi().model_info(repo_id).sha
    (artifact / "history.csv").write_text("epoch\n")
    assert "/commit/" in publish_model(artifact, repo_id, revision="next")
    assert "/discussions/" in publish_model(artifact, repo_id, create_pr=True)
    assert HfApi().model_info(repo_id).sha == main
    for revision in ("next", "refs/pr/1"):
        folder = Artifact.find(repo_id, revision=revision).path
        assert (folder / "history.csv").read_text() == "epoch\n"


def test_a_new_version_takes_the_old_one_s_files_away(hub, artifact, recognizer):
    repo_id = hub.name("cnn")
    publish_model(artifact, repo_id)
    before = set(HfApi().list_repo_files(repo_id))
    assert before - {".gitattributes"} == {path.name for path in artifact.iterdir()}
    # The same weights in other files, as a larger model has them.
    (artifact / "model.safetensors").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fer.artifacts.writing.SHARD_SIZE", "700KB")
        save_weights(recognizer.network, artifact)
    metrics = json.loads((artifact / "metrics.json").read_text())
    metrics["weights_sha256"] = sha256(artifact)
    (artifact / "metrics.json").write_text(json.dumps(metrics))
    publish_model(artifact, repo_id)
    after = set(HfApi().list_repo_files(repo_id))
    assert "model.safetensors" not in after
    assert "model.safetensors.index.json" in after
    again = Recognizer.from_pretrained(repo_id, detector=recognizer.detector)
    noise = torch.randint(0, 256, (3, 1, 48, 48), dtype=torch.uint8)
    assert torch.equal(again.probabilities(noise), recognizer.probabilities(noise))


def sha256(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("*.safetensors")
    }
