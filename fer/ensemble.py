"""Several models that answer as one: the mean of their calibrated probabilities."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fer.config import ModelConfig


class Ensemble(nn.Module):
    """A network made of others, each behind its own preprocessing and temperature.

    Its own preprocessing is none: it takes grey faces as they are (`Preprocessing()`).
    """

    def __init__(self, members: Sequence[tuple[ModelConfig, nn.Module]]) -> None:
        """Join models, each as `fer.artifacts.load_network` returns it; none an ensemble."""
        super().__init__()
        self.configs = [config for config, _ in members]
        self.members = nn.ModuleList(network for _, network in members)

    def forward(self, faces: Tensor) -> Tensor:
        """Map grey faces, float `[N, 1, 48, 48]` in 0..1, to log-probabilities `[N, 7]`.

        They serve as logits: their softmax is the mean of the members' probabilities.
        """
        answers = [
            (member(config.preprocessing.tensor(faces)).float() / config.temperature).log_softmax(1)
            for config, member in zip(self.configs, self.members, strict=True)
        ]
        return torch.stack(answers).logsumexp(0) - math.log(len(answers))
