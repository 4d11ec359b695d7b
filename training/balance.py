"""Answers to unbalanced classes: disgust is 1.5% of the training images."""

import math
from typing import Literal

import torch
from torch import Generator, Tensor
from torchmetrics.functional.classification import multiclass_f1_score

from fer.emotions import EMOTIONS
from fer.networks import average

Balance = Literal["none", "inverse", "effective", "sampler", "logits"]
"""`none`; `inverse`: the loss weighs a class by one over its count; `effective`: by one over its
effective number (Cui et al. 2019, beta 0.999); `sampler`: every class is drawn equally often;
`logits`: the logits learn with the log of the prior added (Menon et al. 2021)."""

BETA = 0.999

STRENGTHS = tuple(step / 20 for step in range(11))
"""How much of the log prior `choose_strength` tries to take from a trained network's logits."""


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
    return log_prior(targets) if balance == "logits" else None


def log_prior(targets: Tensor) -> Tensor:
    """Return the log of how often each class is learnt, float `[7]`.

    Args:
        targets: as in `class_weights`.
    """
    counts = targets.sum(0)
    return (counts.clamp(min=0.5) / counts.sum()).log()  # a class without images: half of one


def choose_strength(views: Tensor, prior: Tensor, truth: Tensor) -> float:
    """Find how much of the log prior to take from a trained network's logits.

    Post-hoc logit adjustment (Menon et al. 2021, https://arxiv.org/abs/2007.07314) lets it name
    what it seldom learnt more often. Each strength by which the accuracy falls by one standard
    error at most is good enough (Breiman et al. 1984); among those the macro F1 decides.

    Args:
        views: the logits of each view of some images, float `[V, N, 7]`.
        prior: as `log_prior` returns it, on the same device.
        truth: int64 `[N]`.
    """

    def worth(strength: float) -> tuple[bool, float]:
        logits = average(views - strength * prior)
        right = int((logits.argmax(1) == truth).sum())
        score = multiclass_f1_score(logits, truth, num_classes=len(EMOTIONS)).item()
        return right >= enough, score

    unadjusted = int((average(views).argmax(1) == truth).sum())
    enough = unadjusted - math.sqrt(unadjusted * (1 - unadjusted / len(truth)))
    return max(STRENGTHS, key=worth)


def epoch_order(balance: Balance, labels: Tensor, generator: Generator) -> Tensor:
    """Return the images of one epoch in their order, int64 `[N]`, on the CPU.

    Args:
        labels: int64 `[N]`, on the CPU.
    """
    if balance != "sampler":
        return torch.randperm(len(labels), generator=generator)
    counts = labels.bincount(minlength=len(EMOTIONS)).clamp(min=1).double()
    return torch.multinomial(1 / counts[labels], len(labels), replacement=True, generator=generator)
