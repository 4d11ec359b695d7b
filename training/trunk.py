"""A frozen trunk is asked once: what it answers is kept, and only what stands on it is run again.

With the last layers of a large network learning, nearly all of an epoch goes into layers that
never change. `trunk_passes` of a recipe runs them over so many augmented passes of the training
images, once; the epochs take turns with these. The file they are kept in serves every experiment
that asks for the same.
"""

import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torchvision.models import EfficientNet
from tqdm import tqdm

from fer.errors import FerError
from fer.files import replacing
from fer.networks import evaluating
from training.data import Split, digest
from training.freezing import last_layers, layers_in_forward_order
from training.recipe import Recipe

BATCH = 64
"""Images at a time."""
LEFT = 3600
"""Seconds after which a file that nobody went on writing was left by a process that was killed."""


@dataclass(frozen=True)
class Kept:
    """What a frozen trunk answers, on the device of its images."""

    maps: list[Tensor]
    """For each pass over the training images, in their order, float16 `[N, C, H, W]`."""
    targets: list[Tensor]
    """What is learnt of them, augmented along (mixup), float32 `[N, 7 * heads]`."""
    validation: Tensor
    """Of the validation images as they are."""


def part_network(network: nn.Module, recipe: Recipe) -> tuple[nn.Sequential, nn.Sequential]:
    """Part a network into its trunk and what is run again; both share its modules.

    Above stands every part that holds the head or one of the last `trunk_below` layers.

    Raises:
        FerError: if it is not of a kind that can be parted.
    """
    if not isinstance(network, EfficientNet):
        raise FerError(f"trunk_passes is for efficientnet_v2_l, not for {recipe.network!r}.")
    parts = [part for stage in network.features for part in stage.children()]
    parts += [network.avgpool, nn.Flatten(), network.classifier]
    layers = layers_in_forward_order(network, recipe.preprocessing)
    above = last_layers(network, layers, recipe.trunk_below)
    cut = next(n for n, part in enumerate(parts) if above.intersection(part.modules()))
    return nn.Sequential(*parts[:cut]), nn.Sequential(*parts[cut:])


def keep_trunk(
    trunk: nn.Module,
    recipe: Recipe,
    train: Split,
    targets: Tensor,
    validation: Split,
    folder: Path,
) -> Kept:
    """Run the trunk, or read what an experiment that asked for the same has kept.

    Args:
        targets: float `[N, 7 * heads]` of the training images.
        folder: where the file is looked for and written; its name is a digest of all that
            decides what is in it.
    """
    for left in folder.glob("*-trunk-*.new"):
        with suppress(FileNotFoundError):  # it was being written, and now it is whole
            if time.time() - left.stat().st_mtime > LEFT:
                left.unlink()
    path = folder / f"trunk-{_digest(trunk, recipe, train, targets, validation)}.safetensors"
    passes = range(recipe.trunk_passes)
    try:
        saved = load_file(path, device=str(train.images.device))
    except FileNotFoundError:
        pass
    except SafetensorError:
        print(f"{path} is damaged and is written again.", file=sys.stderr)
    else:
        maps, learnt = ([saved[f"{kind}.{n}"] for n in passes] for kind in ("maps", "targets"))
        return Kept(maps, learnt, saved["validation"])
    kept = _run(trunk, recipe, train, targets, validation)
    tensors = {f"maps.{n}": kept.maps[n] for n in passes}
    tensors |= {f"targets.{n}": kept.targets[n] for n in passes}
    folder.mkdir(parents=True, exist_ok=True)
    # Processes that train together, or experiments side by side, may all be writing it.
    with replacing(path, f"{uuid4().hex}-") as partial:
        save_file(tensors | {"validation": kept.validation}, partial)
    return kept


def _run(
    trunk: nn.Module, recipe: Recipe, train: Split, targets: Tensor, validation: Split
) -> Kept:
    device = train.images.device
    maps, learnt = [], []
    for number in range(recipe.trunk_passes):
        generator = torch.Generator(device).manual_seed(recipe.seed * 10_000 + number)
        answers, aims = [], []
        for index in _batches(len(train), f"trunk, pass {number + 1}/{recipe.trunk_passes}"):
            images, aim = recipe.augmentation(train.images[index], targets[index], generator)
            answers.append(_ask(trunk, recipe, images))
            aims.append(aim)
        maps.append(torch.cat(answers))
        learnt.append(torch.cat(aims))
    answers = [
        _ask(trunk, recipe, validation.images[index])
        for index in _batches(len(validation), "trunk, validation")
    ]
    return Kept(maps, learnt, torch.cat(answers))


@torch.no_grad()
def ask_above(learner: nn.Module, maps: Tensor) -> Tensor:
    """Return the logits `[N, 7 * heads]` of what stands on a trunk, in evaluation mode."""
    with evaluating(learner):
        return torch.cat([learner(some.float()).float() for some in maps.split(BATCH)])


@torch.no_grad()
def _ask(trunk: nn.Module, recipe: Recipe, images: Tensor) -> Tensor:
    faces = recipe.preprocessing.tensor(images).contiguous(memory_format=torch.channels_last)
    with evaluating(trunk):
        return trunk(faces).half().contiguous()


def _batches(count: int, what: str) -> Iterable[Tensor]:
    """Return the numbers of so many images in batches, and show how far they are."""
    batches = torch.arange(count).split(BATCH)
    return tqdm(batches, what, leave=False, unit_scale=BATCH, unit="image", mininterval=1)


def _digest(
    trunk: nn.Module, recipe: Recipe, train: Split, targets: Tensor, validation: Split
) -> str:
    """Name all that decides what the trunk answers."""
    settings = (recipe.augmentation, recipe.preprocessing, recipe.seed, recipe.trunk_passes)
    tensors = [*trunk.state_dict().values(), train.images, targets, validation.images]
    return digest(tensors, settings)[:16]
