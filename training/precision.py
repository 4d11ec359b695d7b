"""In which number format a run computes: its recipe's, unless this machine is slow at that.

A CPU without instructions for bfloat16 computes it in float32 with a conversion around every
operation: on one with AVX2 alone the forward pass of `cnn` takes six times as long as in float32,
that of `mobilenet` ten times.
"""

import dataclasses
from typing import Final

import torch

from training.recipe import Recipe

BFLOAT16: Final = "bf16-mixed"
FLOAT32: Final = "32-true"

INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
"""What `torch.cpu.get_capabilities` calls bfloat16's: AVX-512's, AMX's and ARM's."""


def computes_bfloat16(device: torch.device) -> bool:
    """Say whether a device has instructions for bfloat16; of accelerators each is taken to."""
    return device.type != "cpu" or any(map(torch.cpu.get_capabilities().get, INSTRUCTIONS))


def choose_precision(recipe: Recipe, began: Recipe | None = None) -> tuple[Recipe, str | None]:
    """Return a recipe with the precision to train it in here, and what to say where it is another.

    Args:
        began: the recipe of the run that is gone on with, whose precision is kept: one model is
            not trained in two.
    """
    device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    slow = recipe.precision == BFLOAT16 and not computes_bfloat16(device)
    lacks = "this CPU has no instructions for bfloat16"
    if began is not None:
        if began.precision != recipe.precision:
            said = f"goes on in {began.precision}, as it began; its recipe says {recipe.precision}"
        else:
            said = f"goes on in {began.precision}, as it began, and slowly: {lacks}" if slow else ""
        recipe = dataclasses.replace(recipe, precision=began.precision)
    elif slow:
        recipe = dataclasses.replace(recipe, precision=FLOAT32)
        said = f"trains in {FLOAT32} and not in {BFLOAT16}, because {lacks}"
    else:
        said = ""
    return recipe, f"{recipe.name} {said}." if said else None
