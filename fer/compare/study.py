"""The study that this project grew out of: its experiments and conclusions, held against our runs.

The study's accuracies are on validation, by FER-2013's label. A conclusion is tested image by image
on test, by which no run was chosen: McNemar's exact test of each of its steps, corrected for their
number.
"""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fer.compare.groups import holm
from fer.compare.metrics import Predictions
from fer.compare.paired import CHANCE, PairedComparison, paired_comparison
from fer.compare.references import STUDY, Reference


@dataclass(frozen=True)
class Experiment:
    """One of the study's five, and the models here that may answer it."""

    study: Reference
    ours: tuple[str, ...]
    """Models' names, the study's own network first, then what may stand in for it."""

    def model(self, there: Collection[str]) -> str | None:
        """Return the first of its models that is there, or `None`."""
        return next((name for name in self.ours if name in there), None)

    def stands_in(self, model: str) -> bool:
        """Say whether a model is of another network than the study's."""
        return model != self.ours[0]


EXPERIMENTS = tuple(
    Experiment(study, ours)
    for study, ours in zip(
        STUDY,
        (
            ("cnn",),
            ("resnet50",),
            ("efficientnet_v2_l-frozen", "efficientnet_lite2-frozen"),
            ("efficientnet_v2_l-unfreeze20", "efficientnet_lite2-unfreeze20"),
            ("efficientnet_v2_l-unfreeze45", "efficientnet_lite2-unfreeze45"),
        ),
        strict=True,
    )
)


@dataclass(frozen=True)
class Conclusion:
    """What the study concluded, as an order of models that can be tested."""

    claim: str
    orders: tuple[tuple[str, ...], ...]
    """Models from worse to better, if the claim is true: one order a network."""
    remark: str
    """What to know before one believes the test."""


def _order(network: str, *parts: str) -> tuple[str, ...]:
    return tuple(f"{network}-{part}" for part in parts)


CONCLUSIONS = (
    Conclusion(
        "Deeper is better",
        (("cnn", "resnet50"),),
        "ResNet-50 began with random weights here, and with ImageNet's in the study.",
    ),
    Conclusion(
        "Unfreezing more is better",
        (
            _order("efficientnet_v2_l", "frozen", "unfreeze20", "unfreeze45"),
            _order("efficientnet_lite2", "frozen", "unfreeze20", "unfreeze45", "all"),
        ),
        "The runs of one network differ in how many of its last layers learn, and in nothing else.",
    ),
    Conclusion(
        "Fine-tuning needs regularisation",
        (),
        "It would take two runs that differ in that alone; all that were fine-tuned here had it.",
    ),
)


@dataclass(frozen=True)
class Step:
    """Two neighbours in a conclusion's order, the one that should be worse first."""

    result: PairedComparison
    p_corrected: float
    """For the number of the conclusion's steps (Holm 1979)."""

    @property
    def verdict(self) -> str:
        """Whether our runs agree with this step."""
        if self.p_corrected >= CHANCE:
            return "could be chance"
        return "agrees" if self.result.only_second > self.result.only_first else "disagrees"


def steps(conclusion: Conclusion, models: Mapping[str, Predictions]) -> list[Step]:
    """Test a conclusion by all models there are; without two of one network there is no step."""
    pairs = [
        pair
        for order in conclusion.orders
        for pair in itertools.pairwise([models[name] for name in order if name in models])
    ]
    results = [paired_comparison(*pair) for pair in pairs]
    corrected = holm([result.p_value for result in results]).tolist()
    return [Step(*pair) for pair in zip(results, corrected, strict=True)]


def verdict(tested: list[Step]) -> str:
    """Put a conclusion's steps into one verdict.

    >>> verdict([])
    'No run here answers it'
    """
    verdicts = [step.verdict for step in tested]
    if not verdicts:
        return "No run here answers it"
    if "disagrees" in verdicts:
        return "Our runs disagree" if "agrees" not in verdicts else "Our runs agree in part"
    if verdicts.count("agrees") == len(verdicts):
        return "Our runs agree"
    return "Our runs agree in part" if "agrees" in verdicts else "Our runs do not show it"
