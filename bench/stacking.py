"""Measure whether weighing an ensemble's members by class beats their plain average.

python -m bench.stacking mobilenet-label mobilenet-128-label cnn --data DIR

Stacking (Wolpert, 1992, https://doi.org/10.1016/S0893-6080(05)80023-1): a multinomial regression on
the log probabilities of all models, each face plain and mirrored, learnt on validation. Its
accuracy is that of ten folds, each answered by a regression that did not see it.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from fer.artifacts import Artifact
from fer.emotions import EMOTIONS
from fer.networks import predict_logits
from tools.machine import conditions
from training.data import Split, load_split

FOLDS = 10
PENALTIES = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
FLOOR = -8.0  # what is less sure is not told apart


def views(name: str, validation: Split) -> Iterator[Tensor]:
    """Yield a model's log probabilities `[N, 7]`, of plain faces and of mirrored pairs."""
    artifact = Artifact.find(name)
    network = artifact.load_network()
    for asked in ("plain", "flip"):
        preprocessing = replace(artifact.config.preprocessing, views=asked)
        logits = predict_logits(network, preprocessing, validation.images)
        yield (logits / artifact.config.temperature).log_softmax(1).double()


def regress(inputs: Tensor, labels: Tensor, penalty: float) -> Tensor:
    """Return the weights `[inputs, 7]` of least cross-entropy and penalized squares.

    Args:
        inputs: the last of them is one, so that its weights are the biases, which cost nothing.
    """
    weights = torch.zeros(inputs.shape[1], len(EMOTIONS), dtype=inputs.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(inputs @ weights, labels) + penalty * weights[:-1].square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return weights.detach()


def stacked(answers: list[Tensor], labels: Tensor, penalty: float) -> float:
    """Return the accuracy of a regression on the models' answers, over ten folds."""
    inputs = torch.cat(answers, 1).clamp(min=FLOOR)
    inputs = F.pad((inputs - inputs.mean(0)) / inputs.std(), (0, 1), value=1.0)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    right = 0
    for fold in order.chunk(FOLDS):
        others = torch.ones(len(labels), dtype=torch.bool)
        others[fold] = False
        weights = regress(inputs[others], labels[others], penalty)
        said = (inputs[fold] @ weights).argmax(1)
        right += int((said == labels[fold]).sum())
    return right / len(labels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    validation = load_split(arguments.data, "validation")
    print(f"{conditions()}; FER-2013's label, validation", flush=True)
    answers: list[Tensor] = []
    for name in arguments.models:
        answers += views(name, validation)
        average = torch.stack(answers[1::2]).exp().mean(0).argmax(1)
        accuracy = (average == validation.labels).double().mean().item()
        print(f"… and {name}: mirrored views averaged {accuracy:.4f}", end="; stacked", flush=True)
        for penalty in PENALTIES:
            print(f" {stacked(answers, validation.labels, penalty):.4f}", end="", flush=True)
        print()
    print(f"penalties: {', '.join(map(str, PENALTIES))}")
