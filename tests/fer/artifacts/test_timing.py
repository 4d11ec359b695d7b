import pytest

from fer.artifacts import Artifact
from fer.artifacts.timing import milliseconds_a_face
from fer.errors import UnknownModel
from tests.made import make_model


def test_a_face_takes_some_time(cnn_folder):
    assert milliseconds_a_face(Artifact(cnn_folder)) > 0


def test_a_model_without_weights_is_named(tmp_path):
    with pytest.raises(UnknownModel, match="cannot be loaded"):
        milliseconds_a_face(Artifact(make_model(tmp_path / "bare", 1)))
