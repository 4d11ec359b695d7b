"""What a run can go on from: all of its changing state, in one file that is always whole."""

import dataclasses
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from fer.errors import FerError, first_line
from fer.files import replacing
from training.recipe import Recipe, read_recipe


@dataclass
class State:
    """All that changes during a run, and so all that a checkpoint holds."""

    network: nn.Module
    average: AveragedModel
    """The running average of its weights: what is validated and kept."""
    optimizer: torch.optim.Optimizer
    data: str
    """A digest of the images and of what is learnt of them, which stays as it is."""
    epoch: int = 0
    """Epochs done."""
    history: list[list[dict[str, float]]] = field(default_factory=list)
    """For each head one line an epoch."""
    best_epoch: list[int] = field(default_factory=list)
    """For each head the epoch that validated best, counted from 1."""
    best_weights: list[dict[str, Tensor]] = field(default_factory=list)
    """For each head the average's weights after that epoch."""

    def save(self, path: Path, recipe: Recipe) -> None:
        """Write a checkpoint beside the old one, then replace that: one is always whole.

        Raises:
            FerError: if it cannot be written, say because the disk is full.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        modules = {name: getattr(self, name).state_dict() for name in self._MODULES}
        try:
            with replacing(path) as partial:
                torch.save({"recipe": recipe.to_toml()} | vars(self) | modules, partial)
        except (OSError, RuntimeError) as error:  # the latter is what torch makes of a full disk
            reason = first_line(error)
            raise FerError(f"The checkpoint {path} cannot be written: {reason}.") from error

    def load(self, path: Path, recipe: Recipe) -> None:
        """Go back to where a checkpoint was written.

        Raises:
            FerError: if it belongs to another recipe or other data, or is not a checkpoint.
        """
        saved = _read(path)
        written = read_recipe(saved.pop("recipe"), recipe.name)
        # What is said of a model decides nothing.
        if dataclasses.replace(written, purpose=recipe.purpose) != recipe:
            raise FerError(
                f"{path} was written with another recipe: "
                "give another --out, or train without --resume."
            )
        saved.pop("images", None)  # older ones have their number, or nothing
        if saved.get("data", self.data) != self.data:
            raise FerError(
                f"{path} was written on other data: give another --out, or train without --resume."
            )
        for name in self._MODULES:
            getattr(self, name).load_state_dict(saved.pop(name))
        vars(self).update(saved)

    _MODULES = ("network", "average", "optimizer")


def written_recipe(path: Path) -> Recipe:
    """Return the recipe that a checkpoint was written with; a key that came later has its default.

    Raises:
        FerError: if it is not a checkpoint.
    """
    return read_recipe(_read(path)["recipe"], path.stem)


def _read(path: Path) -> dict[str, Any]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise FerError(f"{path} is not a checkpoint: delete it and train again.") from error
