"""A finished run -> a model's folder, with every figure measured on the weights as shipped.

And where such folders are: in `models/`, which ships, and in `runs/`, which training writes.
"""

import dataclasses
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fer.artifacts import Artifact, list_models, local_folders, save_weights, whole_folder
from fer.artifacts.store import RECIPE
from fer.config import ENSEMBLE, ModelConfig
from fer.errors import FerError
from fer.faces.preprocessing import FACE_SIZE, Preprocessing, Views
from fer.ferplus import NO_MAJORITY
from fer.networks import average, predict_logits, predict_views
from training.balance import choose_strength, log_prior
from training.data import Split, truth_to_choose_by
from training.engine import Fit
from training.evaluate import Evaluation, among_views, best_views, evaluate
from training.heads import shift
from training.recipe import Recipe, load_recipe

HISTORY = ("epoch", "train_loss", "validation_accuracy")
"""The columns of `history.csv` where there was nothing to learn: that of an ensemble."""


def write_artifact(
    folder: Path,
    recipe: Recipe,
    fit: Fit,
    train: Split,
    validation: Split,
    test: Split,
    device: torch.device | str = "cpu",
) -> dict[str, Any]:
    """Write the folder of one head's model and return its metrics.

    The weights are written first, in fp16, and read back: what is measured is what ships.
    The folder takes the place of an older one only when it is whole.

    Args:
        folder: the model's folder; `<folder>.partial` beside it is used while writing.
        train, validation, test: the data, on the CPU.
        device: where the network runs while it is measured.

    Raises:
        FerError: if a weight is not finite in fp16; the older folder stays then.
    """
    views = strength = None
    if recipe.adjust_logits and fit.name == recipe.name:
        views, strength = _adjust(fit.network.to(device), recipe, train, validation)
    with whole_folder(folder) as partial:
        if recipe.network != ENSEMBLE:  # its members' folders hold the weights
            save_weights(fit.network, partial)
        config = ModelConfig(
            network=recipe.network,
            network_arguments=fit.network_arguments,
            preprocessing=recipe.preprocessing,
            purpose=fit.purpose,
        )
        (partial / "config.json").write_text(config.to_json())
        artifact = Artifact(partial)
        network = artifact.load_network()
        network.to(device).to(memory_format=torch.channels_last)

        evaluation = evaluate(
            network,
            recipe.preprocessing,
            train,
            validation,
            test,
            by=fit.chosen["measure"],
            views=views,
        )
        history = pd.DataFrame(fit.history, columns=None if fit.history else HISTORY)
        history.to_csv(partial / "history.csv", index=False)
        (partial / RECIPE).write_text(recipe.to_toml(), encoding="utf-8")
        metrics: dict[str, Any] = {
            "model": fit.name,
            "network": recipe.network,
            "init": fit.init,
            "parameters": sum(p.numel() for p in network.parameters()),
            "weights_bytes": sum(path.stat().st_size for path in artifact.weight_files.values()),
            "weights_sha256": artifact.weight_digests(),
            "chosen": fit.chosen,
        }
        if strength is not None:
            metrics["logits_adjusted"] = strength
        if fit.history:
            metrics["training"] = {
                "epochs": len(fit.history),
                "images": len(train),
                "seconds": float(history["seconds"].sum()),
                "device": fit.device,
                "torch": torch.__version__,
                "python": platform.python_version(),
            }
        _write_measured(partial, config, network, metrics, evaluation)
    return metrics


def measure_again(
    folder: Path,
    train: Split,
    validation: Split,
    test: Split,
    device: torch.device | str = "cpu",
    ten_crop: bool = False,
    choose: bool = False,
    adjust: bool = False,
) -> dict[str, Any]:
    """Measure a model and replace its figures; return its metrics. Its weights stay.

    For folders that an older version wrote.

    Args:
        ten_crop: whether to measure that again, see `evaluate`; otherwise what is there stays as
            long as its weights and its temperature do.
        choose: whether to choose its views and its temperature anew, which stay otherwise.
        adjust: whether to do as if its recipe had said `adjust_logits` and `choose`: its last
            layer changes.

    Raises:
        FerError: if its logits are adjusted already, or never are.
        BadData: as `evaluate`.
    """
    artifact = Artifact(folder)
    config, network, metrics = artifact.config, artifact.load_network(), artifact.metrics
    views = None
    if adjust:
        recipe = load_recipe(str(folder / RECIPE))
        if "logits_adjusted" in metrics:
            raise FerError(f"The logits of {folder} are adjusted already.")
        if recipe.network == ENSEMBLE or metrics["model"] != recipe.name:
            raise FerError(
                f"{folder} is an ensemble or a second head: its logits stay as they are."
            )
        views, strength = _adjust(network.to(device), recipe, train, validation)
        metrics["logits_adjusted"] = strength
    evaluation = evaluate(
        network.to(device),
        config.preprocessing,
        train,
        validation,
        test,
        by=metrics["chosen"].get("measure", "label"),
        views=views,
        as_configured=None if choose or adjust else config,
        ten_crop=ten_crop,
    )
    if not (ten_crop or choose or adjust):
        for name, new in evaluation.splits.items():
            old = metrics["splits"][name]
            for after, before in ((new, old), (new.get("votes", {}), old.get("votes", {}))):
                after |= {"ten_crop": before["ten_crop"]} if "ten_crop" in before else {}
    with whole_folder(folder) as partial:
        shutil.copytree(folder, partial, dirs_exist_ok=True)
        if adjust:
            save_weights(network, partial)
            metrics["weights_sha256"] = Artifact(partial).weight_digests()
            recipe = dataclasses.replace(recipe, adjust_logits=True)
            (partial / RECIPE).write_text(recipe.to_toml(), encoding="utf-8")
        _write_measured(partial, config, network, metrics, evaluation)
    return metrics


def _adjust(
    network: nn.Module, recipe: Recipe, train: Split, validation: Split
) -> tuple[Views, float]:
    """Adjust the logits of a recipe's first head, in place.

    Returns:
        The views that validate best before, and the strength that suits them.
    """
    head = recipe.heads[0]
    asked = dataclasses.replace(recipe.preprocessing, views="zoom")
    answers = among_views(predict_views(network, asked, validation.images), asked.views)
    truth = truth_to_choose_by(validation, head.measure)
    known = truth != NO_MAJORITY
    own = best_views({views: average(logits) for views, logits in answers.items()}, truth)
    prior = log_prior(train.targets(head.votes_weight))
    strength = choose_strength(answers[own][:, known], prior, truth[known])
    shift(network, -strength * prior.to(next(network.parameters()).device))
    return own, strength


def _write_measured(
    folder: Path,
    config: ModelConfig,
    network: nn.Module,
    metrics: dict[str, Any],
    evaluation: Evaluation,
) -> None:
    """Write what was measured of a model and follows from it; adds the figures to `metrics`."""
    preprocessing = dataclasses.replace(config.preprocessing, views=evaluation.views)
    config = dataclasses.replace(
        config,
        preprocessing=preprocessing,
        temperature=evaluation.temperature,
        threshold=evaluation.threshold,
    )
    (folder / "config.json").write_text(config.to_json())
    metrics["multiply_adds"] = count_multiply_adds(network, preprocessing)
    evaluation.predictions.to_parquet(folder / "predictions.parquet", index=False)
    metrics |= {"views": evaluation.views, "splits": evaluation.splits}
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    try:
        from training.card import write_card
    except ModuleNotFoundError as missing:
        # On a bare training machine; `python -m training card` writes it elsewhere.
        print(f"No model card: {missing.name} is not installed here.", file=sys.stderr)
    else:
        write_card(folder)


def count_multiply_adds(network: nn.Module, preprocessing: Preprocessing) -> int:
    """Count the multiply-adds of one face's answer, all views (half of torch's FLOP count)."""
    face = torch.zeros(1, 1, FACE_SIZE, FACE_SIZE, dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter:
        predict_logits(network, preprocessing, face)
    return counter.get_total_flops() // 2


def check_target(folders: Sequence[Path], checkpoint: Path, resume: bool) -> None:
    """Make the place where a run will write, or say before it begins what is in the way.

    Args:
        folders: of each head's model, all in one place.

    Raises:
        FerError: if something other than a model is there, an unfinished run would be lost, or
            the place cannot be written to.
    """
    for folder in folders:
        if folder.exists() and not (folder / "config.json").is_file():
            raise FerError(f"{folder} is there and is not a model's folder: give another --out.")
    folder = folders[0]
    unfinished = checkpoint.is_file() and not (folder / "config.json").is_file()
    if unfinished and not resume:
        raise FerError(
            f"{checkpoint} is of an unfinished run: --resume goes on from there; delete it to "
            "begin anew."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent):
            pass
    except OSError as error:
        raise FerError(f"--out {folder} cannot be written: {error.strerror}.") from error


def find_artifact(name: str, to_write: bool = False) -> Artifact:
    """Find a model, see `Artifact.find`; where a name has two, say on stderr which is meant.

    Raises:
        FerError: if its folder is to be written to, and is one of the Hub's cache.
    """
    artifact = Artifact.find(name)
    if to_write and not local_folders(name):
        raise FerError(
            f"{name} is on the Hub, and nothing is written to its copy in the cache: give the "
            f"folder that `hf download {name} --local-dir DIR` makes."
        )
    for other in local_folders(name)[1:2]:
        print(f"{artifact.path} is meant; for the other of that name say {other}.", file=sys.stderr)
    return artifact


def finished_artifacts() -> list[Artifact]:
    """Return all models in `models/`, and those in `runs/` whose name is not there."""
    found = [Artifact.find(name) for name in list_models(runs=True)]
    return [artifact for artifact in found if (artifact.path / "metrics.json").is_file()]
