"""How long models take on this machine: the one thing the comparison page loads weights for."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import torch

from fer.artifacts.store import Artifact
from fer.errors import UnknownModel
from fer.faces.preprocessing import FACE_SIZE
from fer.networks import answer

WARM_UP = 3
RUNS = 20
"""Faces a turn; a turn's time is the median of theirs."""
TURNS = 3
BUSY = 0.15
"""A machine is called busy if others kept more than this share of its processors at work."""
LOOK = 0.4
"""Seconds for which it is looked whether they do, before each turn."""


@dataclass(frozen=True)
class Timing:
    """How long a model takes for one face, preprocessing included, detection not."""

    milliseconds: float
    """In its fastest turn: what others' work on the machine slowed least."""
    slowest: float
    """In its slowest turn."""
    machine: str
    """Where it was measured."""
    load: float
    """Share of the machine's processors that others kept at work, in the busiest moment."""

    @classmethod
    def published(cls, artifact: Artifact) -> "Timing | None":
        """Return what a model's `metrics.json` states, if it states a time.

        Raises:
            UnknownModel: if it is no time, or the file is missing or damaged.
        """
        stated = artifact.get("timing")
        if not isinstance(stated, dict):
            return None
        try:
            timing = cls(**stated)
            if not isfinite(timing.milliseconds + timing.slowest + timing.load):
                raise ValueError("a number is none")
        except (TypeError, ValueError) as error:
            raise UnknownModel(
                f"{artifact.path / 'metrics.json'} states no time that can be read: {error}."
            ) from error
        return timing

    @property
    def busy(self) -> bool:
        """Whether the machine had other work, so that the times say little."""
        return self.load > BUSY

    def to_dict(self) -> dict[str, Any]:
        """Return it as `metrics.json` holds it, under `timing`."""
        return asdict(self)


def this_machine() -> str:
    """Say which processor this is, and how many of its cores may be used."""
    cores = len(os.sched_getaffinity(0))
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "?")
    return f"{cpu}, {cores} cores"


def load_of_others() -> float:
    """Look for a moment, and return the share of the machine's processors that are at work."""
    first = _processor_time()
    sleep(LOOK)
    spent = [after - before for before, after in zip(first, _processor_time(), strict=True)]
    return 1 - (spent[3] + spent[4]) / max(sum(spent), 1)  # those are idle, and waiting for disks


def _processor_time() -> list[int]:
    """Return the machine's time by kind since it started: Linux's `/proc/stat`, first line."""
    with open("/proc/stat") as file:
        return [int(ticks) for ticks in file.readline().split()[1:9]]


def time_in_turn(
    artifacts: Sequence[Artifact],
    note: Callable[[float, str], object] = lambda done, name: None,
) -> dict[str, Timing]:
    """Time models by turns on the CPU, so that what slows the machine for a while slows all.

    Args:
        artifacts: their weights are loaded anew each turn, so that one at a time is in memory.
        note: told the share that is done and the model whose turn it is.

    Raises:
        UnknownModel: if a model's weights are missing or damaged.
    """
    load = 0.0
    times: dict[str, list[float]] = {artifact.name: [] for artifact in artifacts}
    for turn in range(TURNS):
        load = max(load, load_of_others())
        for place, artifact in enumerate(artifacts):
            note((turn + place / len(artifacts)) / TURNS, artifact.name)
            times[artifact.name].append(milliseconds_a_face(artifact))
    machine = this_machine()
    return {name: Timing(min(turns), max(turns), machine, load) for name, turns in times.items()}


@torch.inference_mode()
def milliseconds_a_face(artifact: Artifact) -> float:
    """Classify one face crop at a time on the CPU; return the median time in milliseconds.

    Preprocessing is in it, detection is not.

    Raises:
        UnknownModel: if the model's weights are missing or damaged.
    """
    network = artifact.load_network()
    face = torch.zeros(1, 1, FACE_SIZE, FACE_SIZE, dtype=torch.uint8)
    times = []
    for _ in range(WARM_UP + RUNS):
        start = perf_counter()
        answer(network, artifact.config.preprocessing, face).softmax(1)
        times.append(1000 * (perf_counter() - start))
    return median(times[WARM_UP:])
