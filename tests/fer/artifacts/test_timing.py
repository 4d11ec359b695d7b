import json
import shutil

import pytest

from fer.artifacts import Artifact
from fer.artifacts.timing import (
    TURNS,
    Timing,
    load_of_others,
    milliseconds_a_face,
    this_machine,
    time_in_turn,
)
from fer.errors import UnknownModel
from tests.made import make_model


def test_a_face_takes_some_time(cnn_folder):
    assert milliseconds_a_face(Artifact(cnn_folder)) > 0


def test_a_model_without_weights_is_named(tmp_path):
    with pytest.raises(UnknownModel, match="The weights of bare are not here"):
        milliseconds_a_face(Artifact(make_model(tmp_path / "bare", 1)))


def test_models_are_timed_by_turns_and_the_fastest_turn_counts(cnn_folder, monkeypatch):
    asked, told = [], []
    times = iter([3.0, 30.0, 1.0, 10.0, 2.0, 20.0])

    def take(artifact):
        asked.append(artifact.name)
        return next(times)

    monkeypatch.setattr("fer.artifacts.timing.milliseconds_a_face", take)
    models = [Artifact(cnn_folder, "one"), Artifact(cnn_folder, "two")]
    found = time_in_turn(models, lambda done, name: told.append((done, name)))
    assert asked == ["one", "two"] * TURNS
    assert [name for _, name in told] == asked
    assert (found["one"].milliseconds, found["one"].slowest) == (1.0, 3.0)
    assert (found["two"].milliseconds, found["two"].slowest) == (10.0, 30.0)
    assert found["one"].machine == this_machine()


def test_a_machine_with_other_work_is_called_busy():
    assert 0 <= load_of_others() <= 1
    assert not Timing(1, 1, "", 0.05).busy
    assert Timing(1, 1, "", 0.5).busy


def test_what_others_do_meanwhile_is_looked_at_before_each_turn(cnn_folder, monkeypatch):
    # Ticks so far: user, nice, system, idle, waiting for disks, and three more kinds.
    looks = iter([[0, 0, 0, 0, 0, 0, 0, 0], [30, 0, 10, 50, 10, 0, 0, 0]])
    monkeypatch.setattr("fer.artifacts.timing._processor_time", lambda: next(looks))
    assert load_of_others() == pytest.approx(0.4)


def test_a_published_time_is_read_where_there_is_one(cnn_folder, tmp_path):
    shutil.copy(cnn_folder / "config.json", tmp_path)
    metrics = json.loads((cnn_folder / "metrics.json").read_text())
    metrics.pop("timing", None)
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    assert Timing.published(Artifact(tmp_path)) is None
    timing = Timing(0.5, 0.7, "a Xeon, 2 cores", 0.0)
    (tmp_path / "metrics.json").write_text(json.dumps(metrics | {"timing": timing.to_dict()}))
    assert Timing.published(Artifact(tmp_path)) == timing
    for change in ({"hours": 1}, {"slowest": "0.7"}, {"load": float("nan")}):
        wrong = json.dumps(metrics | {"timing": timing.to_dict() | change})
        (tmp_path / "metrics.json").write_text(wrong)
        with pytest.raises(UnknownModel, match=r"metrics\.json states no time that can be read"):
            Timing.published(Artifact(tmp_path))
