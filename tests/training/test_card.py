"""The cards of all shipped models: valid, up to date, and nothing in them typed by hand."""

import re
import shutil

import numpy as np
import pytest
from huggingface_hub import ModelCard, metadata_load
from PIL import Image

from fer.artifacts import MODELS, Artifact, list_models
from fer.emotions import EMOTIONS
from training.card import METRICS, confusion_picture, model_card, write_card


@pytest.fixture(params=list_models())
def folder(request):
    return MODELS / request.param


def test_metadata_is_valid_and_complete(folder):
    data = ModelCard.load(folder / "README.md").data
    assert data.library_name == "fer-studio"
    assert data.pipeline_tag == "image-classification"
    assert data.license == "mit"
    assert data.datasets == ["fer2013"]
    assert data.metrics == ["accuracy", "f1"]
    assert data.to_dict() == metadata_load(folder / "README.md")


def test_the_model_index_holds_every_test_figure(folder):
    stated = {
        (result.dataset_config, result.metric_name): result.metric_value
        for result in ModelCard.load(folder / "README.md").data.eval_results
    }
    measured = {}
    test = dict(Artifact(folder).metrics["splits"]["test"])
    by_votes = {f"votes_{view}": figures for view, figures in test.pop("votes", {}).items()}
    for view, figures in (test | by_votes).items():
        for emotion, group in {None: figures, **figures.get("per_class", {})}.items():
            for key, value in group.items():
                if isinstance(value, float):
                    name = METRICS[key][1]
                    measured[view, f"{name}, {emotion}" if emotion else name] = round(value, 4)
    assert stated == measured


def test_is_what_the_figures_make_of_it(folder):
    assert (folder / "README.md").read_text() == f"{model_card(folder)}\n"


def test_says_what_it_is_not_for(folder):
    text = ModelCard.load(folder / "README.md").text
    for word in ("not a feeling", "65 ± 5%", "Who is missing", "EU AI Act", "law enforcement"):
        assert word in text, word
    config = Artifact(folder).config
    for origin in config.members or [Artifact(folder).metrics["init"]]:
        assert origin in text
    assert (folder / "recipe.toml").read_text().strip() in text


def test_the_picture_is_the_confusion_matrix(folder):
    text = (folder / "README.md").read_text()
    name = re.search(r"!\[Confusion matrix.*\]\((.*)\)", text)[1]
    with Image.open(folder / name) as picture:
        assert picture.size == confusion_picture(folder).size
    assert (folder / name).stat().st_size < 50_000


def test_a_darker_cell_is_a_larger_share(folder):
    # Of the answers that the tables beside it are of, the model's own.
    matrix = np.array(Artifact(folder).figures("test")["confusion_matrix"])
    shares = (matrix / matrix.sum(axis=1, keepdims=True)).ravel()
    picture = np.asarray(confusion_picture(folder).convert("L"), dtype=int)
    # The upper left corner of each cell, where nothing is written.
    corners = picture[100 : 100 + 96 * 7 : 96, 154 : 154 + 96 * 7 : 96].ravel()
    assert len(corners) == len(EMOTIONS) ** 2
    order = np.argsort(shares)
    assert (np.diff(corners[order]) <= 0).all()
    assert corners[order][0] == 255


def test_writes_the_same_again(cnn_folder, tmp_path):
    for name in ("config.json", "metrics.json", "predictions.parquet", "recipe.toml"):
        (tmp_path / name).write_bytes((cnn_folder / name).read_bytes())
    write_card(tmp_path)
    assert (tmp_path / "README.md").read_text() == (cnn_folder / "README.md").read_text()
    write_card(tmp_path, "org/name")
    assert 'from_pretrained("org/name")' in (tmp_path / "README.md").read_text()


def test_names_the_teachers_of_a_distilled_model(tmp_path):
    folder = tmp_path / "pupil"
    shutil.copytree(MODELS / "flagship", folder)
    assert "distillation" not in str(model_card(folder))
    text = (folder / "recipe.toml").read_text()
    text = text.replace("teachers = []", 'teachers = ["flagship"]')
    (folder / "recipe.toml").write_text(
        text.replace("teachers_weight = 0.7", "teachers_weight = 0.6")
    )
    assert "60% of its target were the answers of `flagship` (distillation)" in str(
        model_card(folder)
    )
