"""Train every recipe, one after the other, the most valuable first.

Each run is a process of its own: one that fails, or is killed, costs only itself, and a model's
folder is whole as soon as it is there. What is finished is skipped, so the command can be
given again after an interruption.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ORDER = (
    "flagship",
    "cnn",
    "resnet50",  # learns from the flagship
    "efficientnet_v2_l",  # the next three start from it
    "efficientnet_v2_l-unfreeze45",
    "efficientnet_v2_l-unfreeze20",
    "efficientnet_v2_l-frozen",
    "lite",  # as well
)
"""The recipes in the order in which they are trained."""


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
        options = ["--out", str(runs / name), "--resume", *arguments]
        if name.startswith("efficientnet_v2_l-"):
            options.append(f"init={runs / 'efficientnet_v2_l'}")
        if name in ("resnet50", "lite"):
            options.append(f'teachers=["{runs / "flagship"}"]')
        done = subprocess.run([*command, *options], check=False)
        if done.returncode:
            failed.append(name)
    return failed
