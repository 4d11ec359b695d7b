"""Several models that answer as one: the mean of their calibrated probabilities."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fer.config import ModelConfig
from fer.faces.preprocessing import Faces
from fer.networks import TakesFaces, answer


class Ensemble(TakesFaces):
    """A network made of others, each behind its own preprocessing and temperature."""

    def __init__(self, members: Sequence[tuple[ModelConfig, nn.Module]]) -> None:
        """Join models, each a config and its network; none an ensemble."""
        super().__init__()
        self.configs = [config for config, _ in members]
        self.members = nn.ModuleList(network for _, network in members)

    @property
    def crop_sizes(self) -> set[int]:
        """The sizes at which its members want a face."""
        return {config.preprocessing.crop_size for config in self.configs}

    def forward(self, faces: Faces) -> Tensor:
        """Map face images, uint8 or float in 0..1, to log-probabilities `[N, 7]`.

        They serve as logits: their softmax is the mean of the members' probabilities.
        """
        answers = [
            (answer(member, config.preprocessing, faces) / config.temperature).log_softmax(1)
            for config, member in zip(self.configs, self.members, strict=True)
        ]
        return torch.stack(answers).logsumexp(0) - math.log(len(answers))
