"""Train every recipe, one after the other, the most valuable first.

Each run is a process of its own: one that fails, or is killed, costs only itself, and a model's
folder is whole as soon as it is there. What is finished is skipped, so the command can be
given again after an interruption.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fer.config import ENSEMBLE
from training.recipe import load_recipe

ORDER = (
    "mobilenet",
    "mobilenet-128",
    "mobilenet-b",
    "mobilenet-again",  # the three go on from the heads of labels of those above
    "mobilenet-128-again",
    "mobilenet-b-again",
    "cnn-votes",
    "flagship",
    "cnn",
    "resnet50",  # learns from the flagship
    "efficientnet_lite2-all",
    "efficientnet_lite2-unfreeze45",
    "efficientnet_lite2-unfreeze20",
    "efficientnet_lite2-frozen",
    "efficientnet_v2_l-seed",  # the next is grown from it
    "efficientnet_v2_l",  # the next three start from it
    "efficientnet_v2_l-unfreeze45",
    "efficientnet_v2_l-unfreeze20",
    "efficientnet_v2_l-frozen",
    "ensemble",  # of those of its candidates that are there by then
    "ensemble-votes",
    "lite",  # learns from the CNN and the flagship
)
"""The recipes in the order in which they are trained."""

RUNS = "runs/"
"""Before a name, a recipe's `init` is what that recipe leaves."""


def train_all(data: Path, runs: Path, arguments: Sequence[str]) -> list[str]:
    """Train what is not finished yet; return the names of the runs that failed.

    Args:
        data: the data folder.
        runs: each recipe's model goes to `runs/NAME`.
        arguments: passed on to each `python -m training train`.
    """
    failed = []
    for name in ORDER:
        if (runs / name / "metrics.json").is_file():
            print(f"{name}: finished already", file=sys.stderr)
            continue
        command = [sys.executable, "-m", "training", "train", name, "--data", str(data)]
        command += ["--out", str(runs / name), "--resume", *arguments, *_overrides(name, runs)]
        done = subprocess.run(command, check=False)
        if done.returncode:
            failed.append(name)
    return failed


def _overrides(name: str, runs: Path) -> list[str]:
    """Point a recipe at the models of this zoo that it builds upon, as far as they are there."""
    values: dict[str, str] = {}
    recipe = load_recipe(name)
    if recipe.init.startswith(RUNS):
        values["init"] = str(runs / recipe.init.removeprefix(RUNS))
    if recipe.teachers:
        values["teachers"] = json.dumps([str(runs / teacher) for teacher in recipe.teachers])
    if recipe.network == ENSEMBLE:
        candidates = recipe.network_arguments["members"]
        there = [other for other in candidates if (runs / other / "metrics.json").is_file()]
        values["network_arguments.members"] = json.dumps(there)
    return [f"{key}={value}" for key, value in values.items()]
