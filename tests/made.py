"""What tests are made of: answers to a few images, and models' folders."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fer.artifacts import MODELS
from fer.artifacts.report import PROBABILITIES, accuracy_interval, predicted_labels
from fer.compare.metrics import Answers
from fer.emotions import EMOTIONS


def make_model(folder: Path, seed: int, help_from_labels: float = 0.25) -> Path:
    """Copy the CNN, without its weights, with noisier answers that lean towards the labels.

    The same arguments give the same answers.
    """
    shutil.copytree(
        MODELS / "cnn", folder, ignore=shutil.ignore_patterns("*.safetensors", "README.md")
    )
    path = folder / "predictions.parquet"
    table = pd.read_parquet(path)
    generator = np.random.default_rng(seed)
    labels = np.eye(len(PROBABILITIES))[table["label"].to_numpy()]
    noise = generator.dirichlet(np.ones(len(PROBABILITIES)), len(table))
    mixed = table[PROBABILITIES].to_numpy() + 0.6 * noise + help_from_labels * labels
    table[PROBABILITIES] = (mixed / mixed.sum(axis=1, keepdims=True)).astype(np.float32)
    table.to_parquet(path, index=False)

    metrics = json.loads((folder / "metrics.json").read_text())
    right = int((predicted_labels(table) == table["label"]).sum())
    test = metrics["splits"]["test"]["plain"]
    test["correct"], test["accuracy"] = right, right / len(table)
    test["accuracy_interval_95"] = accuracy_interval(right, len(table))
    metrics |= {"model": folder.name, "parameters": 1_000_000 * (seed + 1)}
    metrics |= {"multiply_adds": 9_000_000 * (seed + 1), "weights_bytes": 2_000_000 * (seed + 1)}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def answers(
    name: str, labels: Sequence[str], guesses: Sequence[str], confidence: float = 0.7
) -> Answers:
    """Name images; each answer has this confidence, the other emotions share the rest."""
    table = np.full((len(labels), 7), (1 - confidence) / 6)
    table[range(len(labels)), [EMOTIONS.index(guess) for guess in guesses]] = confidence
    frame = pd.DataFrame(table, columns=PROBABILITIES)
    frame["row"] = range(len(labels))
    frame["label"] = [EMOTIONS.index(label) for label in labels]
    return Answers(name, frame)
