"""What a run did and would do, for machines and for people: `--summary` and `--dry-run`."""

import copy
import json
import platform
import random
import time
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import torch

import fer
from fer.files import replacing
from fer.recognizer import Recognizer
from fer.scoring.folder import Entry, Listing
from fer.scoring.local import cores, score_entries
from fer.scoring.output import writing
from fer.scoring.run import Summary
from fer.wording import counted, duration

SAMPLE = 32
"""Photos by which the time of all is estimated, spread over the collection by chance."""

WARM_UP = 2
"""Photos scored before the clock starts: the first calls of a network take longer."""


def write_summary(path: Path, summary: Summary, settings: dict[str, Any]) -> None:
    """Write what a run did as JSON: counts, time, versions and settings.

    Args:
        path: the file; replaced, all or nothing.
        summary: of the run.
        settings: with which it was run, as plain values.

    Raises:
        OutputFailed: if it cannot be written.
    """
    counts = asdict(summary)
    run = counts.pop("run")
    values = {
        **counts,
        "photos_per_second": summary.photos / summary.seconds,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": run,
        "settings": settings,
        "versions": {
            "fer-studio": fer.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }
    with writing(path), replacing(path) as partial:
        partial.write_text(json.dumps(values, indent=2) + "\n")


def estimate(
    listing: Listing, recognizer: Recognizer, workers: int | None = None, limit: int | None = None
) -> str:
    """Count a collection's photos, score a few of them, and say how long all would take.

    Nothing is written. Of a very large collection, the counting lists all of it.
    """
    chance = random.Random(0)
    sample: list[Entry] = []
    photos = 0
    for entry in islice(copy.copy(listing), limit):
        photos += 1
        # Algorithm R (Vitter 1985): each photo has the same chance to be among the sample.
        if len(sample) < SAMPLE:
            sample.append(entry)
        elif (place := chance.randrange(photos)) < SAMPLE:
            sample[place] = entry
    if not photos:
        return "No photos."
    list(score_entries(sample[:WARM_UP], recognizer, workers=workers))
    began = time.monotonic()
    done = sum(1 for _ in score_entries(sample, recognizer, workers=workers))
    seconds = time.monotonic() - began
    return (
        f"{counted(photos, 'photo')}. {counted(done, 'of them', 'of them')} by chance took "
        f"{duration(seconds)} on {counted(workers or cores(), 'core')}: all would take some "
        f"{duration(seconds / done * photos)}. Nothing was written."
    )
