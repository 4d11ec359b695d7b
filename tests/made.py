"""What tests are made of: predictions for a few images, and models' folders."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fer.artifacts import MODELS, Artifact
from fer.artifacts.report import VOTES, accuracy_interval, predicted_labels
from fer.columns import PROBABILITIES
from fer.compare.fer2013 import IN_TRAIN
from fer.compare.metrics import Predictions
from fer.emotions import EMOTIONS
from fer.ferplus import ANSWERS, OF_EMOTIONS


def make_model(folder: Path, seed: int, help_from_labels: float = 0.25) -> Path:
    """Copy the CNN, without its weights, with noisier answers that lean towards the labels.

    The same arguments give the same predictions.
    """
    of_the_cnn_alone = ("*.safetensors", "robustness.json", "README.md")
    shutil.copytree(MODELS / "cnn", folder, ignore=shutil.ignore_patterns(*of_the_cnn_alone))
    path = folder / "predictions.parquet"
    table = pd.read_parquet(path)
    generator = np.random.default_rng(seed)
    labels = np.eye(len(PROBABILITIES))[table["label"].to_numpy()]
    noise = generator.dirichlet(np.ones(len(PROBABILITIES)), len(table))
    mixed = table[PROBABILITIES].to_numpy() + 0.6 * noise + help_from_labels * labels
    table[PROBABILITIES] = (mixed / mixed.sum(axis=1, keepdims=True)).astype(np.float32)
    table.to_parquet(path, index=False)

    metrics = json.loads((folder / "metrics.json").read_text())
    metrics.pop("timing", None)  # another network's
    metrics |= {"model": folder.name, "parameters": 1_000_000 * (seed + 1)}
    metrics |= {"multiply_adds": 9_000_000 * (seed + 1), "weights_bytes": 2_000_000 * (seed + 1)}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    state_figures(folder)
    return folder


def state_figures(folder: Path) -> None:
    """Let a model's `metrics.json` state what its test predictions say, by each measure."""
    artifact = Artifact(folder)
    metrics = artifact.metrics
    for measure in ("label", "votes") if VOTES in artifact.predictions else ("label",):
        table = artifact.labelled(measure)
        right = predicted_labels(table) == table["label"]
        test = metrics["splits"]["test"]
        stated = test if measure == "label" else test.setdefault("votes", {})
        groups = {artifact.views: right, "not_in_train": right[~table["row"].isin(IN_TRAIN)]}
        for name, group in groups.items():
            correct, images = int(group.sum()), len(group)
            stated.setdefault(name, {}).update(
                images=images,
                correct=correct,
                accuracy=correct / images,
                accuracy_interval_95=accuracy_interval(correct, images),
            )
    (folder / "metrics.json").write_text(json.dumps(metrics))


def give_votes(folder: Path, seed: int | None = 0) -> None:
    """Give a model's test images votes of ten who mostly see what is labelled; `None` takes them.

    The same seed gives the same votes.
    """
    path = folder / "predictions.parquet"
    table = pd.read_parquet(path).drop(columns=VOTES, errors="ignore")
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["splits"]["test"].pop("votes", None)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    if seed is not None:
        generator = np.random.default_rng(seed)
        chances = generator.dirichlet(np.full(len(ANSWERS), 0.2), len(table))
        chances[range(len(table)), np.array(OF_EMOTIONS)[table["label"].to_numpy()]] += 1.5
        votes = generator.multinomial(10, chances / chances.sum(axis=1, keepdims=True))
        table[VOTES] = list(votes.astype(np.int8))
    table.to_parquet(path, index=False)
    state_figures(folder)


def predictions(
    name: str, labels: Sequence[str], guesses: Sequence[str], confidence: float = 0.7
) -> Predictions:
    """Name images; each prediction has this confidence, the other emotions share the rest."""
    table = np.full((len(labels), 7), (1 - confidence) / 6)
    table[range(len(labels)), [EMOTIONS.index(guess) for guess in guesses]] = confidence
    frame = pd.DataFrame(table, columns=PROBABILITIES)
    frame["row"] = range(len(labels))
    frame["label"] = [EMOTIONS.index(label) for label in labels]
    return Predictions(name, frame)
