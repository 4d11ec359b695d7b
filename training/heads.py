"""The heads of a network in training: what each learns and is chosen by, and how they part again.

A network that learns FER-2013's label and the FER+ votes at once has two, side by side in its last
layer. The backbone that they share leaves two models of the usual shape, one for each.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from fer.emotions import EMOTIONS
from fer.ferplus import Measure

OUTPUTS = len(EMOTIONS)


@dataclass(frozen=True)
class Head:
    """Seven of a training network's outputs."""

    measure: Measure
    """By what its epoch and its temperature are chosen."""
    votes_weight: float
    """What it learns, see `training.data.Split.targets`."""
    label_smoothing: float
    weight: float = 1.0
    """Of its loss."""
    suffix: str = ""
    """What the name of its model has behind the recipe's."""
    purpose: str = ""
    """What its model is for."""

    @property
    def chosen_by(self) -> str:
        """The column of the history in which its best epoch has the largest figure."""
        return "validation_accuracy" if self.measure == "label" else "validation_votes_accuracy"


def last_layer(network: nn.Module) -> str:
    """Return the qualified name of the last linear layer, which maps features to emotions."""
    return [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)][-1]


def widen(network: nn.Module, heads: int) -> None:
    """Give a network of one head, in place, as many as that, all with fresh weights."""
    if heads > 1:
        name = last_layer(network)
        one = cast(nn.Linear, network.get_submodule(name))
        network.set_submodule(name, nn.Linear(one.in_features, heads * OUTPUTS))


def narrow(weights: dict[str, Tensor], network: nn.Module, head: int) -> None:
    """Load one head and the backbone of a widened network's weights into a network of one head."""
    name = last_layer(network)
    rows = slice(head * OUTPUTS, (head + 1) * OUTPUTS)
    own = {f"{name}.{part}": weights[f"{name}.{part}"][rows] for part in ("weight", "bias")}
    network.load_state_dict(weights | own)


@torch.no_grad()
def shift(network: nn.Module, logits: Tensor) -> None:
    """Add `logits`, float `[7]`, to all that a network of one head answers, in its last layer."""
    cast(nn.Linear, network.get_submodule(last_layer(network))).bias.add_(logits)


def part(logits: Tensor) -> tuple[Tensor, ...]:
    """Part logits or targets `[N, 7 * heads]` into those of each head, `[N, 7]`."""
    return torch.split(logits, OUTPUTS, dim=1)
