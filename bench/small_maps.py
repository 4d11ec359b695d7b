"""Measure what `training.small_maps` saves: a training step with it and without, in turns.

    python -m bench.small_maps resnet50 flagship [--turns 5]

Forward, backward and optimizer on one fixed random batch of the recipe's size, on the CPU.
"""

import dataclasses
import statistics
import time
from contextlib import nullcontext
from unittest import mock

import torch
import typer
from lightning.fabric import Fabric

from bench.training_speed import bare_steps
from fer.faces.preprocessing import FACE_SIZE
from fer.ferplus import ANSWERS
from tools.machine import conditions
from training import engine
from training.data import Split
from training.recipe import load_recipe


def main(recipes: list[str], steps: int = 3, turns: int = 5) -> None:
    """Print a table in Markdown."""
    fabric = Fabric(accelerator="cpu", precision="bf16-mixed", devices=1)
    fabric.launch()
    images = torch.zeros(1, 1, FACE_SIZE, FACE_SIZE, dtype=torch.uint8)
    label = torch.zeros(1, dtype=torch.int64)
    unused = Split(images, label, torch.zeros(1, len(ANSWERS), dtype=torch.int8), label)
    print(conditions())
    print("| recipe | convolutions, images/s | products, images/s | ratio |")
    print("| --- | --- | --- | --- |")
    for name in recipes:
        recipe = load_recipe(name)
        recipe = dataclasses.replace(recipe, init="scratch", teachers=[], lr=1e-4, compile=False)
        off = mock.patch.object(engine, "use_matrix_products")
        runs = []
        for without in (off, nullcontext()):
            with without:
                runs.append(engine.set_up(fabric, recipe, unused, unused))
        times: list[list[float]] = [[], []]
        for turn in range(turns + 1):
            for run, taken in zip(runs, times, strict=True):
                started = time.perf_counter()
                bare_steps(run, steps)
                if turn:  # the first warms up
                    taken.append(time.perf_counter() - started)
        ratio = statistics.median(usual / product for usual, product in zip(*times, strict=True))
        speeds = [recipe.batch_size * steps / min(taken) for taken in times]
        print(f"| `{name}` | {speeds[0]:,.0f} | {speeds[1]:,.0f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
