"""Other projects' networks, as `python -m bench.rivals` left them."""

import pytest
from typer.testing import CliRunner

from fer.artifacts import MODELS, RIVALS, Artifact, list_models, list_rivals
from fer.cli import app
from fer.compare.fer2013 import IN_TRAIN
from fer.ferplus import MEASURES


@pytest.fixture(params=list_rivals())
def rival(request):
    return Artifact.find(request.param)


def test_there_are_three_and_none_is_one_of_this_project_s_models():
    assert list_rivals() == [f"{RIVALS}/{name}" for name in ("face-api", "fer-pypi", "human")]
    assert not [name for name in list_models(runs=True) if name.startswith(RIVALS)]
    assert Artifact(MODELS / "cnn").source is None


def test_its_figures_follow_from_its_answers_to_the_same_images(rival):
    rival.check_figures()
    ours = Artifact(MODELS / "cnn").predictions
    for column in ("row", "label", "majority"):
        assert rival.predictions[column].tolist() == ours[column].tolist()
    table = rival.predictions
    assert rival.get("splits", "test", "not_in_train", "images") == len(table) - len(IN_TRAIN)


# What was read of them before this project measured them: within half a point.
KNOWN = {"rivals/fer-pypi": 0.658, "rivals/face-api": 0.587, "rivals/human": 0.664}


def test_it_reaches_what_is_known_of_it(rival):
    assert rival.accuracy("test") == pytest.approx(KNOWN[rival.name], abs=0.005)


def test_its_card_says_whose_it_is_what_it_learnt_from_and_how_it_did(rival):
    card = (rival.path / "README.md").read_text()
    for said in (rival.source, rival.get("licence"), rival.get("learnt_from")):
        assert said in card
    for measure in MEASURES:
        assert f"{rival.accuracy('test', measure):.4f}" in card


def test_to_use_it_is_refused_in_a_sentence(rival, tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"")
    result = CliRunner().invoke(app, ["predict", str(photo), "--model", rival.name])
    assert result.exit_code == 2
    assert result.output == (
        f"fer: {rival.name} is another project's network, of which only the answers to the test "
        "images are kept: it can be compared, and not used.\n"
    )
