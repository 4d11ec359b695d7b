"""The shipped CNN: what it states follows from its predictions, its weights and the data."""

import hashlib
import json

import pandas as pd
import pytest
import torch

from bench.model_table import README, with_table
from fer.artifacts import load_network
from fer.report import accuracy_interval, predicted_labels, read_predictions
from training.data import load_split
from training.evaluate import predict_logits


@pytest.fixture(scope="module")
def metrics(cnn_folder):
    return json.loads((cnn_folder / "metrics.json").read_text())


def test_it_is_small_and_whole(cnn_folder, metrics):
    assert {path.name for path in cnn_folder.iterdir()} == {
        "config.json", "model.safetensors", "metrics.json", "predictions.parquet",
        "history.csv", "recipe.toml", "README.md", "confusion.png",
    }  # fmt: skip
    assert sum(path.stat().st_size for path in cnn_folder.iterdir()) <= 2_000_000
    for name, digest in metrics["weights_sha256"].items():
        assert hashlib.sha256((cnn_folder / name).read_bytes()).hexdigest() == digest


def test_it_reaches_what_was_asked(metrics):
    for split in ("validation", "test"):
        assert metrics["splits"][split]["plain"]["accuracy"] >= 0.62


def test_predictions_give_the_stated_figures(cnn_folder, metrics):
    stated = metrics["splits"]["test"]["plain"]
    predictions = read_predictions(cnn_folder)
    correct = int((predicted_labels(predictions) == predictions["label"]).sum())
    assert (correct, len(predictions)) == (stated["correct"], stated["images"])
    assert stated["accuracy"] == correct / len(predictions)
    assert stated["accuracy_interval_95"] == accuracy_interval(correct, len(predictions))
    matrix = pd.crosstab(predictions["label"], predicted_labels(predictions))
    assert matrix.to_numpy().tolist() == stated["confusion_matrix"]


def test_labels_are_the_data_set_s(cnn_folder, data):
    test = pd.read_parquet(data / "test.parquet", columns=["row", "label"])
    predictions = read_predictions(cnn_folder)
    assert predictions["row"].tolist() == test["row"].tolist()
    assert predictions["label"].tolist() == test["label"].tolist()


def test_weights_give_the_stated_accuracy(cnn_folder, metrics, data):
    config, network = load_network(cnn_folder)
    test = load_split(data, "test")
    logits = predict_logits(network, config.preprocessing, test.images)
    stated = metrics["splits"]["test"]["plain"]
    # Another processor rounds otherwise; a face on the edge between two emotions may move.
    assert int((logits.argmax(1) == test.labels).sum()) == pytest.approx(stated["correct"], abs=2)
    probabilities = (logits / config.temperature).softmax(1)
    shipped = torch.tensor(read_predictions(cnn_folder).filter(like="p_").to_numpy())
    assert torch.allclose(probabilities, shipped, atol=1e-3)


def test_the_epoch_kept_is_the_one_that_validated_best(cnn_folder, metrics):
    history = pd.read_csv(cnn_folder / "history.csv")
    best = history.loc[history["validation_accuracy"].idxmax(), "validation_accuracy"]
    kept = history.set_index("epoch").loc[metrics["chosen"]["epoch"], "validation_accuracy"]
    assert kept == best


def test_readme_s_table_is_what_the_metrics_say(metrics):
    readme = README.read_text()
    assert with_table(readme) == readme
    assert f"{metrics['splits']['test']['plain']['accuracy']:.4f}" in readme
