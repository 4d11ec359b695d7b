import json
import shutil

import numpy as np
import pandas as pd
import pytest

from fer.artifacts import MODELS, Artifact
from fer.artifacts.report import accuracy_interval, predicted_labels
from fer.emotions import EMOTIONS
from fer.errors import UnknownModel
from fer.ferplus import ANSWERS
from tests.made import make_model


@pytest.fixture
def folder(tmp_path):
    return make_model(tmp_path / "made", 1)


def test_reads_a_model_without_its_weights(folder):
    assert not list(folder.glob("*.safetensors"))
    artifact = Artifact(folder)
    artifact.check_figures()
    assert not artifact.has_weights
    assert len(artifact.predictions) == 3589
    assert artifact.history["epoch"].tolist() == list(range(1, len(artifact.history) + 1))
    assert 0.5 < artifact.config.temperature < 2
    assert artifact.get("training", "images") == 28_709
    assert artifact.get("training", "no such") is None
    assert artifact.get("model", "deeper") is None


def test_an_ensemble_has_weights_where_its_members_have(tmp_path):
    first, *others = Artifact.find("ensemble").config.members
    for name in (first, *others, "ensemble"):
        shutil.copytree(MODELS / name, tmp_path / name)
    assert Artifact(tmp_path / "ensemble").has_weights
    (tmp_path / first / "model.safetensors").unlink()
    assert not Artifact(tmp_path / "ensemble").has_weights
    assert Artifact(tmp_path / others[0]).has_weights


def test_a_file_is_read_once(folder):
    artifact = Artifact(folder)
    assert artifact.config is artifact.config
    (folder / "config.json").unlink()
    assert artifact.config.network == "cnn"


def without_votes(folder):
    """Leave of a model what older versions wrote."""
    rewrite(folder, lambda table: table.drop(columns="ferplus_votes"))
    metrics = json.loads((folder / "metrics.json").read_text())
    for split in metrics["splits"].values():
        del split["votes"]
    del metrics["views"]
    (folder / "metrics.json").write_text(json.dumps(metrics))


def with_votes(folder, views="flip"):
    """Give a model votes: ten for the label, but all ten for contempt on every third image."""
    path = folder / "predictions.parquet"
    table = pd.read_parquet(path)
    votes = np.zeros((len(table), len(ANSWERS)), dtype=np.int8)
    winner = [ANSWERS.index(EMOTIONS[label]) for label in table["label"]]
    votes[range(len(table)), winner] = 10
    votes[::3] = 10 * np.eye(len(ANSWERS), dtype=np.int8)[ANSWERS.index("contempt")]
    table.assign(ferplus_votes=list(votes)).to_parquet(path, index=False)
    right = (predicted_labels(table) == table["label"]).to_numpy()
    agreed = np.arange(len(table)) % 3 > 0
    metrics = json.loads((folder / "metrics.json").read_text())
    test = metrics["splits"]["test"]
    test[views] = test.pop("plain")
    test["votes"] = {
        views: {
            "images": int(agreed.sum()),
            "correct": int(right[agreed].sum()),
            "accuracy": right[agreed].mean(),
            "accuracy_interval_95": accuracy_interval(int(right[agreed].sum()), int(agreed.sum())),
        }
    }
    (folder / "metrics.json").write_text(json.dumps(metrics | {"views": views}))
    return right, agreed


def test_figures_by_both_measures_and_the_model_s_own_views(folder):
    without_votes(folder)
    assert (Artifact(folder).measures, Artifact(folder).views) == (("label",), "plain")
    right, agreed = with_votes(folder)
    artifact = Artifact(folder)
    artifact.check_figures()
    assert (artifact.measures, artifact.views) == (("label", "votes"), "flip")
    assert artifact.accuracy("test") == pytest.approx(right.mean())
    assert artifact.accuracy("test", "votes") == pytest.approx(right[agreed].mean())
    low, high = artifact.accuracy_interval("test", "votes")
    assert low < artifact.accuracy("test", "votes") < high
    labelled = artifact.labelled("votes")
    assert labelled["row"].tolist() == artifact.predictions["row"][agreed].tolist()
    assert labelled["label"].tolist() == artifact.predictions["label"][agreed].tolist()


def test_what_was_not_measured_is_a_sentence(folder):
    without_votes(folder)
    with pytest.raises(UnknownModel, match="no figures of test by the votes"):
        Artifact(folder).accuracy("test", "votes")
    with pytest.raises(UnknownModel, match=r"has no FER\+ votes"):
        Artifact(folder).labelled("votes")


def test_votes_that_contradict_the_predictions_are_refused(folder):
    with_votes(folder)
    rewrite(folder, lambda table: table.assign(ferplus_votes=table["ferplus_votes"].shift(-1)))
    rewrite(folder, lambda table: table.assign(ferplus_votes=table["ferplus_votes"].ffill()))
    with pytest.raises(UnknownModel, match="right by the votes"):
        Artifact(folder).check_figures()


@pytest.mark.parametrize("votes", [[1, 2], [0.5] * 10, [-1] + [1] * 9, [None] + [1] * 9])
def test_votes_that_are_none_are_refused(votes, folder):
    with_votes(folder)
    rewrite(folder, lambda table: table.assign(ferplus_votes=[votes] * len(table)))
    with pytest.raises(UnknownModel, match="votes that are not 10 counts"):
        Artifact(folder).predictions  # noqa: B018


def rewrite(folder, change):
    path = folder / "predictions.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)


def no_column(folder):
    rewrite(folder, lambda table: table.drop(columns="p_sad"))


def no_rows(folder):
    rewrite(folder, lambda table: table.head(0))


def a_row_twice(folder):
    rewrite(folder, lambda table: table.assign(row=table["row"].replace(table["row"][1], 0)))
    rewrite(folder, lambda table: table.assign(row=table["row"].where(table.index != 0, 0)))


def a_strange_label(folder):
    rewrite(folder, lambda table: table.assign(label=table["label"].replace(6, 7)))


def a_share_of_a_label(folder):
    rewrite(folder, lambda table: table.assign(label=table["label"] + 0.25))


def no_sum(folder):
    rewrite(folder, lambda table: table.assign(p_sad=table["p_sad"] + 0.5))


def not_a_number(folder):
    rewrite(folder, lambda table: table.assign(p_sad=float("nan")))


def other_labels(folder):
    rewrite(folder, lambda table: table.assign(label=(table["label"] + 1) % 7))


def no_predictions(folder):
    (folder / "predictions.parquet").unlink()


def cut_predictions(folder):
    path = folder / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:5000])


def empty_predictions(folder):
    (folder / "predictions.parquet").write_bytes(b"")


def text_predictions(folder):
    (folder / "predictions.parquet").write_text("row,label")


def no_metrics(folder):
    (folder / "metrics.json").unlink()


def no_config(folder):
    (folder / "config.json").unlink()


def read_all(folder):
    artifact = Artifact(folder)
    artifact.check_figures()
    return artifact.config


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (no_column, "p_sad"),
        (no_rows, "is empty"),
        (a_row_twice, "names a row twice"),
        (a_strange_label, "labels outside 0 to 6"),
        (a_share_of_a_label, "labels outside 0 to 6"),
        (no_sum, "do not sum to 1"),
        (not_a_number, "do not sum to 1"),
        (other_labels, r"metrics\.json states \d+ of 3589"),
        (no_predictions, r"predictions\.parquet cannot be read"),
        (cut_predictions, r"predictions\.parquet cannot be read"),
        (empty_predictions, r"predictions\.parquet cannot be read"),
        (text_predictions, r"predictions\.parquet cannot be read"),
        (no_metrics, r"no readable metrics\.json"),
        (no_config, r"no readable config\.json"),
    ],
)
def test_damage_is_one_sentence(damage, named, folder):
    damage(folder)
    with pytest.raises(UnknownModel, match=named) as caught:
        read_all(folder)
    assert "\n" not in str(caught.value)


PART_OF_AN_EPOCH = "epoch,train_loss,validation_accuracy\n1.5,1,1\n"


@pytest.mark.parametrize("text", [None, "", "epoch,loss\n1,2\n", 'epoch,"\n1', PART_OF_AN_EPOCH])
def test_a_missing_history_leaves_the_rest(text, folder):
    (folder / "history.csv").unlink()
    if text is not None:
        (folder / "history.csv").write_text(text)
    artifact = Artifact(folder)
    artifact.check_figures()
    with pytest.raises(UnknownModel, match=r"history\.csv cannot be read"):
        artifact.history  # noqa: B018


@pytest.mark.parametrize("figure", ["correct", "images", "accuracy"])
def test_metrics_that_contradict_the_predictions_are_refused(folder, figure):
    path = folder / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["splits"]["test"]["plain"][figure] += 1
    path.write_text(json.dumps(metrics))
    with pytest.raises(UnknownModel, match="test images right"):
        Artifact(folder).check_figures()
