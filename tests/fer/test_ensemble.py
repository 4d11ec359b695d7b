import json
import shutil

import pytest
import torch

from fer.artifacts import MODELS, Artifact
from fer.config import ENSEMBLE, ModelConfig
from fer.errors import UnknownModel
from fer.explain import saliency
from fer.recognizer import Recognizer


@pytest.fixture
def pair(tmp_path):
    """An ensemble of the CNN, once as it is and once with another temperature, beside them."""
    for name, temperature in (("one", 1.0), ("two", 4.0)):
        folder = tmp_path / name
        shutil.copytree(MODELS / "cnn", folder)
        values = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(values | {"temperature": temperature}))
    return write(tmp_path / "pair", ["one", "two"])


def write(folder, members):
    folder.mkdir()
    config = ModelConfig(ENSEMBLE, {"members": members})
    (folder / "config.json").write_text(config.to_json())
    return folder


@pytest.fixture(scope="module")
def faces():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (5, 1, 48, 48), dtype=torch.uint8, generator=generator)


def test_answers_with_the_mean_of_its_members_calibrated_probabilities(pair, faces, recognizer):
    ensemble = Recognizer.from_pretrained(pair, detector=recognizer.detector)
    cnn = Artifact(MODELS / "cnn")
    config, network = cnn.config, cnn.load_network()
    with torch.no_grad():
        logits = network(config.preprocessing.tensor(faces))
    expected = (logits.softmax(1) + (logits / 4).softmax(1)) / 2
    assert torch.allclose(ensemble.probabilities(faces), expected, atol=1e-6)


def test_certainty_beyond_float32_stays_finite(pair, faces):
    network = Artifact(pair).load_network()
    for member in network.members:
        member.classifier[-1].weight.data.mul_(1e4)
    with torch.no_grad():
        assert network(faces.float() / 255).isfinite().all()


def test_shows_where_its_members_looked(pair, faces, recognizer):
    ensemble = Recognizer.from_pretrained(pair, detector=recognizer.detector)
    emotions = torch.arange(5)
    heat = saliency(ensemble, faces, emotions)
    assert heat.shape == (5, 48, 48)
    # Both members are the same network: they looked where it looked.
    assert torch.allclose(heat, saliency(recognizer, faces, emotions), atol=1e-4)


def test_its_weights_are_its_members_and_pinned(pair, tmp_path):
    files = Artifact(pair).weight_files
    names = [f"{name}/model.safetensors" for name in ("one", "two")]
    assert files == {name: tmp_path / name for name in names}
    metrics = json.loads((MODELS / "cnn" / "metrics.json").read_text())
    (digest,) = metrics["weights_sha256"].values()
    metrics["weights_sha256"] = dict.fromkeys(files, digest)
    (pair / "metrics.json").write_text(json.dumps(metrics))
    assert Artifact(pair).damaged_weights() == []
    with (tmp_path / "two" / "model.safetensors").open("ab") as file:
        file.write(b"!")
    assert Artifact(pair).damaged_weights() == ["two/model.safetensors"]


def test_a_name_that_is_not_beside_it_is_looked_up_as_any_model(tmp_path):
    ensemble = write(tmp_path / "shipped", ["cnn"])
    assert Artifact(ensemble).weight_files["cnn/model.safetensors"].parent == MODELS / "cnn"


@pytest.mark.parametrize(
    "members", [None, [], "cnn", [1], ["../../secret"], ["/etc"], ["a/b/c"], ["."], [""]]
)
def test_members_are_names_and_nothing_else(members, tmp_path):
    folder = write(tmp_path / "bad", members)
    with pytest.raises(UnknownModel, match="is not a model's config"):
        Artifact(folder).load_network()


def test_no_members_at_all_is_a_sentence(tmp_path):
    folder = write(tmp_path / "bad", ["cnn"])
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"network_arguments": {}}))
    with pytest.raises(UnknownModel, match="is not a model's config"):
        Artifact(folder).load_network()


def test_a_missing_member_and_an_ensemble_as_member_are_named(tmp_path):
    with pytest.raises(UnknownModel, match="no model 'nowhere'"):
        Artifact(write(tmp_path / "a", ["nowhere"])).load_network()
    with pytest.raises(UnknownModel, match="no model 'xxx"):
        Artifact(write(tmp_path / "b", ["x" * 300])).load_network()  # longer than disks take
    # Of itself, it would never end.
    with pytest.raises(UnknownModel, match="member itself is an ensemble itself"):
        Artifact(write(tmp_path / "itself", ["itself"])).load_network()
