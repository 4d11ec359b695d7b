"""Write a model's folder: its weights, and the whole in the place of an older one."""

import contextlib
import copy
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_model
from torch import nn

from fer.artifacts.store import SINGLE, WEIGHTS
from fer.errors import FerError
from fer.shipped import UNFINISHED

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


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder to write, which takes the place of an older one if the block ends well.

    It is `<folder>.partial` until then; where the block fails, nothing of it is left. The old one
    goes only once the new one stands.
    """
    partial, old = (folder.with_name(folder.name + ending) for ending in UNFINISHED)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        if old.exists() and not folder.exists():  # interrupted between the two
            old.rename(folder)
        shutil.rmtree(partial, ignore_errors=True)
