"""Measure whether anything starves the network: the whole loop beside the bare step, in one run.

    python -m bench.training_speed cnn resnet50 --data ../shared/data [--steps 100]

The loop is `training.engine.train_epoch` as it trains: order, augmentation on the device, forward,
backward, optimizer, average. The bare step is forward, backward and optimizer on one fixed random
batch. Both run in turns on the same network, and the ratio of each turn is printed with their
median; on a GPU the peak memory too.
"""

import dataclasses
import statistics
import sys
import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from lightning.fabric import Fabric
from torch.nn import functional as F

from fer.emotions import EMOTIONS
from tools.machine import conditions
from training.data import Split, load_split
from training.engine import Run, set_up, train_epoch
from training.precision import choose_precision
from training.recipe import Recipe, load_recipe


def bare_steps(run: Run, steps: int) -> None:
    """Step on one random batch again and again."""
    fabric, recipe = run.fabric, run.recipe
    shape = (recipe.batch_size, recipe.preprocessing.channels, *[recipe.preprocessing.size] * 2)
    faces = torch.rand(shape, device=fabric.device).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(len(EMOTIONS), (recipe.batch_size,), device=fabric.device)
    optimizer = run.state.optimizer
    run.model.train()
    for layer in run.frozen:
        layer.eval()
    for _ in range(steps):
        loss = F.cross_entropy(run.model(faces).float(), labels)
        optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        optimizer.step()


def seconds(fabric: Fabric, what: object, *arguments: object) -> float:
    """Return how long a call takes, with all that it queued on the device."""
    assert callable(what)
    if fabric.device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    what(*arguments)
    if fabric.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def compare(recipe: Recipe, train: Split, steps: int, turns: int) -> None:
    """Time one recipe's loop and bare step and print a line."""
    recipe, said = choose_precision(recipe)
    if said:
        print(said, file=sys.stderr)
    fabric = Fabric(precision=recipe.precision, devices=1)
    fabric.launch()
    # Its first weights do not matter here, and need not be at hand.
    recipe = dataclasses.replace(recipe, init="scratch", lr=1e-4)
    some = train.head(steps * recipe.batch_size)
    steps = len(some) // recipe.batch_size
    run = set_up(fabric, recipe, some, some)
    seconds(fabric, bare_steps, run, 3)  # compiles, warms up
    loops, bares = [], []
    for _ in range(turns):
        loops.append(seconds(fabric, train_epoch, run))
        bares.append(seconds(fabric, bare_steps, run, steps))
    images = steps * recipe.batch_size
    ratio = statistics.median(bare / loop for bare, loop in zip(bares, loops, strict=True))
    memory = torch.cuda.max_memory_allocated() / 2**30 if fabric.device.type == "cuda" else None
    print(
        f"| `{recipe.name}` | {images / min(loops):,.0f} | {images / min(bares):,.0f} "
        f"| {ratio:.0%} | {f'{memory:.1f} GiB' if memory else 'CPU'} |",
        flush=True,
    )


def main(
    recipes: list[str],
    data: Annotated[Path, typer.Option()],
    steps: int = 100,
    turns: int = 3,
) -> None:
    """Print a table in Markdown."""
    train = load_split(data, "train")
    device = f"{torch.cuda.get_device_name()}; " if torch.cuda.is_available() else ""
    print(f"{device}{conditions()}; {turns} turns")
    print("| recipe | loop, images/s | bare step, images/s | loop of bare | peak memory |")
    print("| --- | --- | --- | --- | --- |")
    for name in recipes:
        compare(load_recipe(name), train, steps, turns)


if __name__ == "__main__":
    typer.run(main)
