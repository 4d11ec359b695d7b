import json

import pytest
import torch

from fer.artifacts import Artifact
from fer.artifacts.robustness import CORRUPTIONS, SEVERITIES, Robustness
from fer.compare.robustness import mean_accuracy, severity_table
from fer.errors import UnknownModel
from training.corruptions import BY_NAME, EYES, MOUTH
from training.data import load_split
from training.robustness import measure_robustness


@pytest.fixture
def faces():
    generator = torch.Generator().manual_seed(0)
    ramp = torch.arange(48).repeat(48, 1) * 4 + 30
    noise = torch.randint(0, 20, (6, 1, 48, 48), generator=generator)
    return (ramp + noise).to(torch.uint8)


def disturbed(name, faces, severity, seed=0):
    return BY_NAME[name](faces, severity, torch.Generator().manual_seed(seed))


def test_every_corruption_has_a_name_and_a_function():
    assert list(BY_NAME) == list(CORRUPTIONS)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_grows_with_its_strength_and_leaves_the_faces_alone(name, faces):
    before = faces.clone()
    off = []
    for severity in range(1, SEVERITIES + 1):
        result = disturbed(name, faces, severity)
        assert result.dtype == torch.uint8
        assert result.shape == faces.shape
        assert torch.equal(result, disturbed(name, faces, severity))
        off.append((result.float() - faces.float()).abs().mean().item())
    assert torch.equal(faces, before)
    assert off[0] > 0
    assert off[-1] > off[0]


def test_light_and_bars_are_where_they_should_be(faces):
    assert disturbed("brightness", faces, 5).float().mean() > faces.float().mean()
    assert disturbed("darkness", faces, 5).max() <= 0.15 * 255 + 1
    for name, row in (("eyes_covered", EYES), ("mouth_covered", MOUTH)):
        covered = disturbed(name, faces, 1)
        assert (covered[..., row - 2 : row + 2, :] == 0).all()
        assert torch.equal(covered[..., : row - 2, :], faces[..., : row - 2, :])


def test_noise_is_as_strong_as_it_says():
    grey = torch.full((50, 1, 48, 48), 128, dtype=torch.uint8)
    assert disturbed("gaussian_noise", grey, 5).float().std().item() == pytest.approx(25.5, abs=0.3)
    expected = 255 * (128 / 255 / 50) ** 0.5  # Poisson: the variance is the mean
    assert disturbed("shot_noise", grey, 5).float().std().item() == pytest.approx(expected, abs=0.3)


@pytest.fixture(scope="module")
def measured(cnn_folder, data):
    return measure_robustness(Artifact(cnn_folder), load_split(data, "test").head(40))


def test_undisturbed_answers_are_those_of_the_evaluation(measured, cnn_folder):
    artifact = Artifact(cnn_folder)
    table = artifact.predictions.head(40)
    right = table.filter(like="p_").to_numpy().argmax(axis=1) == table["label"]
    assert measured.clean["label"] == right.sum()
    assert measured.images["label"] == 40
    assert measured.images["votes"] < 40
    assert set(measured.corrupted["label"]) == set(CORRUPTIONS)


def test_what_is_written_is_read_and_other_weights_are_refused(measured, cnn_folder, tmp_path):
    for file in ("config.json", "metrics.json"):
        (tmp_path / file).write_bytes((cnn_folder / file).read_bytes())
    artifact = Artifact(tmp_path, "cnn")
    assert Robustness.read(artifact) is None
    path = tmp_path / "robustness.json"
    path.write_text(measured.to_json())
    assert Robustness.read(artifact) == measured
    values = json.loads(measured.to_json())
    path.write_text(json.dumps(values | {"weights_sha256": {"model.safetensors": "0"}}))
    with pytest.raises(UnknownModel, match="is of other weights"):
        Robustness.read(artifact)
    for wrong in ("{}", "[", json.dumps(values | {"images": {"label": 1}})):
        path.write_text(wrong)
        with pytest.raises(UnknownModel, match="cannot be read"):
            Robustness.read(artifact)
    del values["corrupted"]["label"]["rotation"][0]
    path.write_text(json.dumps(values))
    with pytest.raises(UnknownModel, match="no 5 counts of rotation"):
        Robustness.read(artifact)


def test_how_much_a_model_keeps():
    found = Robustness("test", 0, {}, {"label": 100}, {"label": 80}, {
        "label": {"darkness": [80, 60, 40, 20, 0], "rotation": [80] * 5},
    })  # fmt: skip
    table = severity_table({"one": found}, "label")
    assert table["right"].tolist() == [80, 80, 60, 40, 20, 0] + [80] * 6
    assert table["severity"].tolist() == [0, 1, 2, 3, 4, 5] * 2
    means = mean_accuracy(table).set_index("corruption")
    assert means.loc["darkness", ["clean", "disturbed", "kept"]].tolist() == pytest.approx(
        [0.8, 0.4, 0.5]
    )
    assert means.loc["rotation", "kept"] == pytest.approx(1)
    assert severity_table({"one": found}, "votes").empty
