"""Measure how often a model is right on disturbed test images: `robustness.json`."""

from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from fer.artifacts import Artifact
from fer.artifacts.robustness import CORRUPTIONS, SEVERITIES, Robustness
from fer.ferplus import NO_MAJORITY, Measure
from fer.networks import predict_logits
from training.corruptions import BY_NAME
from training.data import Split

SPLIT = "test"


def measure_robustness(
    artifact: Artifact, test: Split, seed: int = 0, device: torch.device | str = "cpu"
) -> Robustness:
    """Ask a model, as it answers by its own views, for every corruption at every strength.

    All models get the same disturbed images for the same seed.

    Args:
        test: the images to disturb.
        seed: of the noise and of the side to which heads are turned.
        device: where the network runs.
    """
    network = artifact.load_network().to(device)
    truths = test.truths

    def right(images: Tensor) -> dict[Measure, int]:
        named = predict_logits(network, artifact.config.preprocessing, images).argmax(1).cpu()
        return {measure: int((named == truth).sum()) for measure, truth in truths.items()}

    clean = right(test.images)
    corrupted: dict[Measure, dict[str, Any]] = {measure: {} for measure in truths}
    bar = tqdm(total=len(CORRUPTIONS) * SEVERITIES, desc=artifact.name, unit="strength")
    for name in CORRUPTIONS:
        generator = torch.Generator().manual_seed(seed)
        for severity in range(1, SEVERITIES + 1):
            for measure, count in right(BY_NAME[name](test.images, severity, generator)).items():
                corrupted[measure].setdefault(name, []).append(count)
            bar.update()
    bar.close()
    return Robustness(
        split=SPLIT,
        seed=seed,
        weights_sha256=artifact.metrics["weights_sha256"],
        images={measure: int((truth != NO_MAJORITY).sum()) for measure, truth in truths.items()},
        clean=clean,
        corrupted=corrupted,
    )
