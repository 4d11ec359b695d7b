"""Distillation (Hinton et al. 2015): a network learns what its teachers answer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fer.artifacts import ModelConfig, find_model, load_network


class Teachers:
    """Models whose answers are averaged into a target; nothing of them learns."""

    def __init__(self, models: Sequence[tuple[ModelConfig, nn.Module]]) -> None:
        self.models = models

    @classmethod
    def load(cls, names: Sequence[str], device: torch.device | str) -> "Teachers":
        """Load models by name or folder.

        Raises:
            UnknownModel: if one does not exist or is damaged.
        """
        loaded = [load_network(find_model(name)) for name in names]
        for _, network in loaded:
            network.to(device).requires_grad_(False)
        return cls(loaded)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Return the teachers' mean calibrated probabilities, float32 `[N, 7]`.

        Args:
            images: float `[N, 1, 48, 48]` in 0..1, on the teachers' device: the very images,
                augmented, that the pupil sees (Beyer et al. 2022).
        """
        answers = [
            (network(config.preprocessing.tensor(images)).float() / config.temperature).softmax(1)
            for config, network in self.models
        ]
        return torch.stack(answers).mean(0)
