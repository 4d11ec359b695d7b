"""The app with models from the Hub: `FER_MODELS`."""

import pytest

from app.shared import VARIABLE, _downloaded, load_recognizer, offered_models
from fer.artifacts import DEFAULT_MODEL, Artifact
from tests.pages.conftest import jpeg, open_app
from training.publish import publish_model


@pytest.fixture(autouse=True)
def forget():
    """No other test's models."""
    _downloaded().clear()
    load_recognizer.clear()


def test_offers_what_the_variable_names(monkeypatch):
    assert offered_models()[0] == DEFAULT_MODEL
    monkeypatch.setenv(VARIABLE, " org/b, cnn ,org/b,, runs/x")
    assert offered_models() == ["org/b", "cnn", "runs/x"]
    monkeypatch.setenv(VARIABLE, " , ")
    assert offered_models()[0] == DEFAULT_MODEL


def test_a_model_from_the_hub_scores_as_the_local_one(server, artifact, monkeypatch, astronaut):
    publish_model(artifact, "org/cnn")
    monkeypatch.setenv(VARIABLE, "org/cnn, cnn")
    app = open_app()
    assert not app.exception
    there = Artifact(artifact)
    accuracy = there.accuracy("test", there.measures[-1])  # by the votes, where they are known
    (note,) = [c.value for c in app.caption if c.value.startswith("From the Hugging Face Hub; ")]
    assert f"{accuracy:.1%}" in note
    app.file_uploader[0].upload("me.jpg", jpeg(astronaut)).run()
    from_hub = app.dataframe[0].value["confidence"].item()
    asked = len(server.requests)
    app.selectbox(key="model").set_value("cnn").run()
    assert not app.exception
    assert app.dataframe[0].value["confidence"].item() == from_hub
    open_app()
    assert len(server.requests) == asked  # a second visitor asks the Hub nothing


def test_a_model_that_cannot_be_had_is_a_sentence_and_the_others_go_on(
    server, monkeypatch, astronaut
):
    monkeypatch.setenv(VARIABLE, "org/gone,nope,cnn")
    app = open_app()
    assert not app.exception
    assert "no model repository org/gone on the Hub" in app.error[0].value
    app.selectbox(key="model").set_value("nope").run()
    assert "no model 'nope'" in app.error[0].value
    app.selectbox(key="model").set_value("cnn").run()
    assert not app.error
    app.file_uploader[0].upload("me.jpg", jpeg(astronaut)).run()
    assert app.dataframe[0].value["emotion"].tolist() == ["happy"]


def test_a_model_that_comes_back_is_there_at_the_next_try(server, artifact, monkeypatch):
    publish_model(artifact, "org/cnn")
    monkeypatch.setenv(VARIABLE, "org/cnn")
    server.statuses["GET /cdn/"] = 500
    app = open_app()
    assert "busy or down" in app.error[0].value
    server.statuses.clear()
    app.run()
    assert not app.error
    assert not app.exception
