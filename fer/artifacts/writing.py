"""Write a model's folder: its weights, and the whole in the place of an older one."""

import copy
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_model
from torch import nn

from fer.artifacts.store import SINGLE, WEIGHTS
from fer.errors import FerError

SHARD_SIZE = "45MB"  # a git host warns of files over 50 MB


def save_weights(network: nn.Module, folder: Path) -> None:
    """Write a network's weights as fp16 safetensors, in shards if they are large.

    Shards are huggingface_hub's work: where it is not installed, as on a bare training
    machine, it is one file of any size.

    Batch norms' running statistics stay float32: they are few, and of an unnormalised network
    they may be larger than fp16 can hold.

    Raises:
        FerError: if a weight is not finite in fp16; nothing is written then.
    """
    half = copy.deepcopy(network).half()
    for kept, buffer in zip(half.buffers(), network.buffers(), strict=True):
        kept.data = buffer.detach().clone()
    bad = [name for name, value in half.state_dict().items() if not torch.isfinite(value).all()]
    if bad:
        raise FerError(f"Weights that are not finite in fp16: {', '.join(bad)}.")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        from huggingface_hub import save_torch_model
    except ModuleNotFoundError:
        save_model(half, str(folder / SINGLE))
    else:
        save_torch_model(half, folder, max_shard_size=SHARD_SIZE)
    for path in folder.glob(WEIGHTS):
        path.chmod(0o644)  # safetensors leaves files that only their owner can read


def replace_folder(partial: Path, target: Path) -> None:
    """Put a finished folder in another's place; the old one goes only once the new one stands."""
    old = target.with_name(target.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)
