"""Answers to unbalanced classes: disgust is 1.5% of the training images."""

from typing import Literal

import torch
from torch import Generator, Tensor

from fer.emotions import EMOTIONS

Balance = Literal["none", "inverse", "effective", "sampler", "logits"]
"""`none`; `inverse`: the loss weighs a class by one over its count; `effective`: by one over its
effective number (Cui et al. 2019, beta 0.999); `sampler`: every class is drawn equally often;
`logits`: the logits learn with the log of the prior added (Menon et al. 2021)."""

BETA = 0.999


def class_weights(balance: Balance, targets: Tensor) -> Tensor | None:
    """Return each class's weight in the loss, float `[7]` with mean 1 over images, or none.

    Args:
        targets: float `[N, 7]`, what is learnt of each image: a class counts what it is given.
    """
    counts = targets.sum(0)
    if balance == "inverse":
        weights = 1 / counts.clamp(min=1)
    elif balance == "effective":
        weights = (1 - BETA) / (1 - BETA ** counts.clamp(min=1))
    else:
        return None
    return weights * (counts.sum() / (weights * counts).sum())


def logit_offsets(balance: Balance, targets: Tensor) -> Tensor | None:
    """Return what is added to the logits while learning, float `[7]`, or none.

    Args:
        targets: as in `class_weights`.
    """
    if balance != "logits":
        return None
    counts = targets.sum(0)
    return (counts.clamp(min=0.5) / counts.sum()).log()  # a class without images: half of one


def epoch_order(balance: Balance, labels: Tensor, generator: Generator) -> Tensor:
    """Return the images of one epoch in their order, int64 `[N]`, on the CPU.

    Args:
        labels: int64 `[N]`, on the CPU.
    """
    if balance != "sampler":
        return torch.randperm(len(labels), generator=generator)
    counts = labels.bincount(minlength=len(EMOTIONS)).clamp(min=1).double()
    return torch.multinomial(1 / counts[labels], len(labels), replacement=True, generator=generator)
