"""Measure a model on validation and test: every figure of `metrics.json`, with its counts."""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)
from tqdm import tqdm

from fer.artifacts.report import CALIBRATION_BINS, accuracy_interval
from fer.columns import PROBABILITIES
from fer.config import ModelConfig
from fer.emotions import EMOTIONS
from fer.ensemble import Ensemble
from fer.faces.preprocessing import VIEWS, Preprocessing, Views
from fer.ferplus import NO_MAJORITY, Measure, is_contempt
from fer.networks import average, predict_views
from training.data import Split, truth_to_choose_by

CERTAIN = 0.9
"""The share of the faces named as certain that are to be right."""
TEN_CROP = 44
"""Side in pixels of the crops of ten-crop averaging; each is scaled back to the full image."""


def answer_views(
    network: nn.Module,
    preprocessing: Preprocessing,
    images: Tensor,
    title: str = "",
    ten_crop: bool = False,
) -> dict[str, Tensor]:
    """Answer images in each of the ways in which a model may answer, and over ten crops.

    Ten crops are four corners and the centre, each with its mirror (Krizhevsky et al. 2012).

    Args:
        images: uint8 `[N, 1, 48, 48]`.
        title: what the progress bar is called.
        ten_crop: whether to take the ten crops, at more than twice the cost of the others.

    Returns:
        Logits `[N, 7]` of each of `VIEWS` and, if asked for, of `ten_crop`. Of an ensemble no
        enlarged ones, and no `flip` where all its members ask the mirror image and it does not
        itself.
    """
    asked = dataclasses.replace(preprocessing, views=_most(network, preprocessing.views))
    parts: list[dict[str, Tensor]] = []
    for some in batches(images, title):
        logits = among_views(predict_views(network, asked, some), asked.views)
        answers: dict[str, Tensor] = {views: average(those) for views, those in logits.items()}
        if ten_crop:
            mirrored = dataclasses.replace(preprocessing, views="flip")
            crops = [predict_views(network, mirrored, crop) for crop in _five_crops(some)]
            answers["ten_crop"] = average(torch.cat(crops))
        parts.append(answers)
    return {view: torch.cat([part[view] for part in parts]) for view in parts[0]}


def batches(images: Tensor, title: str) -> Iterable[Tensor]:
    """Part images into batches that a progress bar counts, if they take long enough."""
    return tqdm(images.split(BATCH), title, unit_scale=BATCH, unit="image", leave=False, delay=2)


def among_views(logits: Tensor, asked: Views) -> dict[Views, Tensor]:
    """Return the logits `[v, N, 7]` of each of `VIEWS`, as far as its views were asked.

    Args:
        logits: `[V, N, 7]`, as `predict_views` returns them for `asked`.
    """
    place = {view: number for number, view in enumerate(VIEWS[asked])}
    return {
        views: logits[[place[view] for view in wanted]]
        for views, wanted in VIEWS.items()
        if place.keys() >= set(wanted)
    }


def _most(network: nn.Module, own: Views) -> Views:
    if not isinstance(network, Ensemble):
        return "zoom"
    members = [config.preprocessing.views for config in network.configs]
    return "flip" if own == "flip" or "plain" in members else "plain"


def best_views(answers: Mapping[Any, Tensor], truth: Tensor) -> Views:
    """Return the way to answer in which most images are right; of equally good ones the cheapest.

    Args:
        answers: logits `[N, 7]` by the way, as `answer_views` returns them.
        truth: int64 `[N]`, `NO_MAJORITY` where an image does not count.
    """

    def correct(views: Views) -> int:
        return int((answers[views].argmax(1) == truth)[truth != NO_MAJORITY].sum())

    return max((views for views in VIEWS if views in answers), key=correct)


BATCH = 256
"""Images between two steps of the progress bar."""


def _five_crops(images: Tensor) -> Iterator[Tensor]:
    side = images.shape[-1]
    end, middle = side - TEN_CROP, (side - TEN_CROP) // 2
    for top, left in ((0, 0), (0, end), (end, 0), (end, end), (middle, middle)):
        crop = images[..., top : top + TEN_CROP, left : left + TEN_CROP].float()
        larger = F.interpolate(crop, size=(side, side), mode="bilinear")
        yield larger.round().to(torch.uint8)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Find the temperature that minimises log loss (Guo et al. 2017, temperature scaling)."""
    log_temperature = torch.zeros((), device=logits.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(logits / log_temperature.exp(), labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return log_temperature.exp().item()


def fit_threshold(probabilities: Tensor, majority: Tensor) -> float:
    """Find the least probability from which on the share `CERTAIN` of all answers are right.

    Args:
        probabilities: calibrated, float `[N, 7]`.
        majority: int64 `[N]`, of the FER+ votes; images without one do not count.

    Returns:
        1 if not even the most probable answers are right so often, 0 if no image counts.
    """
    known = majority != NO_MAJORITY
    if not known.any():
        return 0.0
    confidence, guesses = probabilities[known].max(1)
    confidence, order = confidence.sort(descending=True)
    right = (guesses == majority[known])[order].double().cumsum(0)
    # Those that are equally sure are named together: the last of them counts.
    last = confidence.diff(append=confidence.new_tensor([-1.0])) < 0
    enough = (last & (right >= CERTAIN * torch.arange(1, len(right) + 1))).nonzero()
    return confidence[enough[-1]].item() if len(enough) else 1.0


def measure(logits: Tensor, labels: Tensor, temperature: float) -> dict[str, Any]:
    """Compute the figures of one way to predict on one split.

    Args:
        logits: float `[N, 7]`, not yet divided by the temperature.
        labels: int64 `[N]`.
    """
    classes = len(EMOTIONS)
    probabilities = (logits / temperature).softmax(1)
    correct = int((logits.argmax(1) == labels).sum())

    def per_class(metric: Any) -> list[float]:
        return metric(logits, labels, num_classes=classes, average="none").tolist()

    def calibration_error(of: Tensor) -> float:
        return multiclass_calibration_error(
            of, labels, num_classes=classes, n_bins=CALIBRATION_BINS
        ).item()

    return {
        "images": len(labels),
        "correct": correct,
        "accuracy": correct / len(labels),
        "accuracy_interval_95": accuracy_interval(correct, len(labels)),
        "macro_f1": multiclass_f1_score(logits, labels, num_classes=classes).item(),
        "balanced_accuracy": multiclass_accuracy(logits, labels, num_classes=classes).item(),
        "log_loss": F.cross_entropy(logits / temperature, labels).item(),
        "log_loss_before_temperature": F.cross_entropy(logits, labels).item(),
        "calibration_error": calibration_error(probabilities),
        "calibration_error_before_temperature": calibration_error(logits.softmax(1)),
        "per_class": {
            emotion: dict(zip(("precision", "recall", "f1", "support"), values, strict=True))
            for emotion, *values in zip(
                EMOTIONS,
                per_class(multiclass_precision),
                per_class(multiclass_recall),
                per_class(multiclass_f1_score),
                labels.bincount(minlength=classes).tolist(),
                strict=True,
            )
        },
        "confusion_matrix": multiclass_confusion_matrix(
            logits, labels, num_classes=classes
        ).tolist(),
    }


@dataclass(frozen=True)
class Evaluation:
    """Everything measured of a model."""

    views: Views
    """In which of the ways that were measured it answers."""
    temperature: float
    threshold: float
    """The model's, as `fit_threshold` finds it on validation."""
    splits: dict[str, Any]
    """What `metrics.json` holds under `splits`."""
    predictions: pd.DataFrame
    """One line a test image: `row`, `label`, `ferplus_votes`, `p_angry` … `p_neutral`, as the
    model answers: after temperature, all its views averaged."""


def evaluate(
    network: nn.Module,
    preprocessing: Preprocessing,
    train: Split,
    validation: Split,
    test: Split,
    *,
    by: Measure = "label",
    views: Views | None = None,
    as_configured: ModelConfig | None = None,
    ten_crop: bool = False,
) -> Evaluation:
    """Measure a network by FER-2013's label and by the majority of the FER+ votes.

    Args:
        train: its pixels tell which test images stand in train too.
        by: the measure for which the views and the temperature are chosen, on validation alone.
        views: those in which it answers; chosen when left out.
        as_configured: the model's config, to measure it with the views and the temperature that
            it has instead of choosing them.
        ten_crop: whether to measure ten-crop averaging, too: no model answers so, papers do.

    Raises:
        BadData: if something is to be chosen by votes, and there are none.
    """
    named = {"validation": validation, "test": test}
    answers = {
        name: answer_views(network, preprocessing, split.images, f"measuring on {name}", ten_crop)
        for name, split in named.items()
    }
    if as_configured is not None:
        own, temperature = as_configured.preprocessing.views, as_configured.temperature
    else:
        truth = truth_to_choose_by(validation, by)
        known = truth != NO_MAJORITY
        own = views or best_views(answers["validation"], truth)
        temperature = fit_temperature(answers["validation"][own][known], truth[known])
    threshold = fit_threshold(
        (answers["validation"][own] / temperature).softmax(1), validation.majority
    )
    in_train = {_digest(image) for image in train.images}
    splits: dict[str, Any] = {}
    for name, split in named.items():
        unseen = torch.tensor([_digest(image) not in in_train for image in split.images])
        splits[name] = _by_label(answers[name], split, temperature, unseen, own)
        if "votes" in split.truths:
            splits[name]["votes"] = _by_votes(answers[name], split, temperature, unseen, own)
    probabilities = (answers["test"][own] / temperature).softmax(1)
    columns = dict(zip(PROBABILITIES, probabilities.T.numpy(), strict=True))
    predictions = pd.DataFrame(
        {
            "row": test.rows.numpy().astype(np.int32),
            "label": test.labels.numpy(),
            "ferplus_votes": list(test.votes.numpy()),
            **columns,
        }
    )
    return Evaluation(own, temperature, threshold, splits, predictions)


def _by_label(
    answers: dict[str, Tensor], split: Split, temperature: float, unseen: Tensor, own: str
) -> dict[str, Any]:
    """Measure every view by FER-2013's label."""
    measured = {view: measure(x, split.labels, temperature) for view, x in answers.items()}
    right = answers[own].argmax(1) == split.labels
    return measured | {"not_in_train": _share(right[unseen])}


def _by_votes(
    answers: dict[str, Tensor], split: Split, temperature: float, unseen: Tensor, own: str
) -> dict[str, Any]:
    """Measure every view by the majority of the votes, on the images that have one."""
    known = split.majority != NO_MAJORITY
    truth = split.majority[known]
    distribution = split.targets(votes_weight=1)[known]
    measured: dict[str, Any] = {}
    for view, logits in answers.items():
        measured[view] = measure(logits[known], truth, temperature)
        # What the annotators' own disagreement leaves of it is the mean entropy of their votes.
        measured[view]["cross_entropy"] = F.cross_entropy(
            logits[known] / temperature, distribution
        ).item()
    right = answers[own][known].argmax(1) == truth
    contempt = torch.zeros(int(is_contempt(split.votes.numpy()).sum()), dtype=torch.bool)
    return measured | {
        "not_in_train": _share(right[unseen[known]]),
        "eight_classes": _share(torch.cat([right, contempt])),
    }


def _digest(image: Tensor) -> bytes:
    return hashlib.sha256(image.numpy().tobytes()).digest()


def _share(right: Tensor) -> dict[str, Any]:
    correct, images = int(right.sum()), len(right)
    return {
        "images": images,
        "correct": correct,
        "accuracy": correct / max(images, 1),
        "accuracy_interval_95": accuracy_interval(correct, images),
    }
