"""Measure what a trained model's rare emotions gain, and the frequent ones lose, by its logits.

python -m bench.adjustment mobilenet --data DIR

Each strength of `training.balance.choose_strength`, and some beyond them; what the shipped weights
have of it already is taken off first. Validation images, by the majority of the FER+ votes.
"""

from pathlib import Path
from typing import Annotated

import typer
from torchmetrics.functional.classification import multiclass_f1_score, multiclass_recall

from fer.artifacts import Artifact
from fer.emotions import EMOTIONS
from fer.ferplus import NO_MAJORITY
from fer.networks import average, predict_views
from tools.machine import conditions
from training.balance import STRENGTHS, log_prior
from training.data import load_split


def main(
    name: str, data: Annotated[Path, typer.Option(help="Folder with FER-2013 and its votes.")]
) -> None:
    """Print a table in Markdown."""
    artifact = Artifact.find(name)
    prior = log_prior(load_split(data, "train").targets(votes_weight=1.0))
    validation = load_split(data, "validation")
    agreed = validation.majority != NO_MAJORITY
    faces, truth = validation.images[agreed], validation.majority[agreed]
    views = predict_views(artifact.load_network(), artifact.config.preprocessing, faces)
    views += artifact.metrics.get("logits_adjusted", 0) * prior
    print(f"{conditions()}; {name}, {len(truth)} validation images, by the FER+ votes\n")
    print(f"| strength | accuracy | macro F1 | mean recall | {' | '.join(EMOTIONS)} |")
    print("| --- " * (4 + len(EMOTIONS)) + "|")
    for strength in (*STRENGTHS, 0.75, 1):
        named = average(views - strength * prior).argmax(1)
        score = multiclass_f1_score(named, truth, len(EMOTIONS))
        recalls = multiclass_recall(named, truth, len(EMOTIONS), average="none")
        figures = [(named == truth).float().mean(), score, recalls.mean(), *recalls]
        print(f"| {strength} | {' | '.join(f'{figure:.4f}' for figure in figures)} |")


if __name__ == "__main__":
    typer.run(main)
