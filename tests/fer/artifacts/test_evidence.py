import json

import pandas as pd
import pytest

from fer.artifacts.evidence import Evidence
from fer.artifacts.report import Report
from fer.errors import UnknownModel
from tests.made import make_model


@pytest.fixture
def folder(tmp_path):
    return make_model(tmp_path / "made", 1)


def test_reads_a_model_without_its_weights(folder):
    assert not list(folder.glob("*.safetensors"))
    evidence = Evidence.read("made", folder)
    assert evidence.remarks == ()
    assert len(evidence.predictions) == 3589
    assert evidence.history is not None
    assert evidence.history["epoch"].tolist() == list(range(1, len(evidence.history) + 1))
    assert 0.5 < evidence.temperature < 2
    assert evidence.report.get("training", "images") == 28_709
    assert evidence.report.get("training", "no such") is None
    assert evidence.report.get("model", "deeper") is None


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


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (no_column, "p_sad"),
        (no_rows, "is empty"),
        (a_row_twice, "names a row twice"),
        (a_strange_label, "labels outside 0 to 6"),
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
        Evidence.read("made", folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [None, "", "epoch,loss\n1,2\n", 'epoch,"\n1'])
def test_a_missing_history_leaves_the_rest(text, folder):
    (folder / "history.csv").unlink()
    if text is not None:
        (folder / "history.csv").write_text(text)
    evidence = Evidence.read("made", folder)
    assert evidence.history is None
    (remark,) = evidence.remarks
    assert "history.csv cannot be read" in remark


def test_metrics_that_contradict_the_predictions_are_refused(folder):
    path = folder / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["splits"]["test"]["plain"]["correct"] += 1
    path.write_text(json.dumps(metrics))
    Report.read(folder)
    with pytest.raises(UnknownModel, match="test images right"):
        Evidence.read("made", folder)
