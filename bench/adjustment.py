"""Measure what a trained model's rare emotions gain, and the frequent ones lose, by its logits.

python -m bench.adjustment mobilenet --data DIR

Logit adjustment after training (Menon et al. 2021, https://arxiv.org/abs/2007.07314): from each
logit the log of how often its emotion was learnt is taken, times a strength. Validation images, by
the majority of the FER+ votes.
"""

from pathlib import Path
from typing import Annotated

import typer
from torchmetrics.functional.classification import multiclass_recall

from fer.artifacts import Artifact
from fer.emotions import EMOTIONS
from fer.ferplus import NO_MAJORITY
from fer.networks import predict_logits
from tools.machine import conditions
from training.balance import logit_offsets
from training.data import load_split

STRENGTHS = (0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1)


def main(
    name: str, data: Annotated[Path, typer.Option(help="Folder with FER-2013 and its votes.")]
) -> None:
    """Print a table in Markdown."""
    artifact = Artifact.find(name)
    offsets = logit_offsets("logits", load_split(data, "train").targets(votes_weight=1.0))
    assert offsets is not None
    validation = load_split(data, "validation")
    agreed = validation.majority != NO_MAJORITY
    faces, truth = validation.images[agreed], validation.majority[agreed]
    logits = predict_logits(artifact.load_network(), artifact.config.preprocessing, faces)
    print(f"{conditions()}; {name}, {len(truth)} validation images, by the FER+ votes\n")
    print(f"| strength | accuracy | mean recall | {' | '.join(EMOTIONS)} |")
    print("| --- " * (3 + len(EMOTIONS)) + "|")
    for strength in STRENGTHS:
        named = (logits / artifact.config.temperature - strength * offsets).argmax(1)
        recalls = multiclass_recall(named, truth, len(EMOTIONS), average="none")
        figures = [(named == truth).float().mean(), recalls.mean(), *recalls]
        print(f"| {strength} | {' | '.join(f'{figure:.4f}' for figure in figures)} |")


if __name__ == "__main__":
    typer.run(main)
