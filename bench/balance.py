"""Measure what each answer to unbalanced classes does: the CNN, three seeds of each.

    python -m bench.balance --data ../shared/data [--epochs 6] [--workers 2]

Short runs, without dropout, which they are too short to need: enough to see where each method
leads. Validation figures of the epoch that validated best; a run that stands in `runs/balance/`
already is not repeated. Writes the table that the comparison page shows: mean and standard
deviation over the seeds.
"""

import json
import multiprocessing
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer

from app.compare.study import UNBALANCED
from fer.emotions import EMOTIONS
from fer.networks import predict_logits
from training.balance import Balance
from training.data import load_split
from training.engine import fit
from training.evaluate import measure
from training.recipe import load_recipe

SEEDS = (0, 1, 2)
RUNS = Path("runs/balance")


@dataclass(frozen=True)
class Job:
    """One training run."""

    balance: str
    seed: int
    epochs: int
    data: Path

    @property
    def stem(self) -> Path:
        """Where its files go, without their endings."""
        return RUNS / f"{self.balance}-{self.seed}-{self.epochs}"


def run(job: Job) -> None:
    """Train and measure, on one core, and leave the figures in a JSON file."""
    torch.set_num_threads(1)
    short = {"warmup_epochs": "1", "network_arguments.dropout": "0.0"}
    changes = {"balance": job.balance, "seed": str(job.seed), "epochs": str(job.epochs)} | short
    recipe = load_recipe("cnn", changes)
    train, validation = (load_split(job.data, name) for name in ("train", "validation"))
    checkpoint = job.stem.with_suffix(".ckpt")
    (result,) = fit(recipe, train, validation, checkpoint, resume=True)
    logits = predict_logits(result.network, recipe.preprocessing, validation.images)
    figures = measure(logits, validation.labels, temperature=1.0)
    recalls = {emotion: figures["per_class"][emotion]["recall"] for emotion in EMOTIONS}
    line = {
        "accuracy": figures["accuracy"],
        "macro F1": figures["macro_f1"],
        "recall of disgust": recalls["disgust"],
        "worst recall": min(recalls.values()),
    }
    job.stem.with_suffix(".json").write_text(json.dumps(line))
    checkpoint.unlink()


def main(data: Annotated[Path, typer.Option()], epochs: int = 6, workers: int = 2) -> None:
    """Train what is missing, then print the table."""
    jobs = [
        Job(balance, seed, epochs, data) for seed in SEEDS for balance in typing.get_args(Balance)
    ]
    RUNS.mkdir(parents=True, exist_ok=True)
    missing = [job for job in jobs if not job.stem.with_suffix(".json").is_file()]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(run, missing, chunksize=1)
    lines = [
        {"balance": job.balance} | json.loads(job.stem.with_suffix(".json").read_text())
        for job in jobs
    ]
    groups = pd.DataFrame(lines).groupby("balance", sort=False)
    mean, spread = groups.mean(), groups.std()
    table = mean.join(spread.add_suffix(", spread"))
    order = [name for column in mean.columns for name in (column, f"{column}, spread")]
    table[order].round(4).to_csv(UNBALANCED)
    print(f"{UNBALANCED}: {epochs} epochs, seeds {SEEDS}, torch {torch.__version__}")


if __name__ == "__main__":
    typer.run(main)
