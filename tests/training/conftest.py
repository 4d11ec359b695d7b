"""Made data: seven patterns with noise, which a network learns in seconds, and drawn faces."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fer.ferplus import ANSWERS, OF_EMOTIONS
from tests.drawn import write_drawn_faces
from training.data import SPLITS, Split


def made_split(count: int, seed: int) -> Split:
    """Make images of seven classes, each a stripe at its own height."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 7
    images = torch.randint(0, 100, (count, 1, 48, 48), dtype=torch.uint8, generator=generator)
    for image, label in zip(images, labels, strict=True):
        image[:, 6 * label + 2 : 6 * label + 8] += 120
    votes = torch.zeros(count, 10, dtype=torch.int8)
    votes[torch.arange(count), torch.tensor(OF_EMOTIONS)[labels]] = 10
    return Split(images, labels, votes, torch.arange(count) + 1000 * seed)


@pytest.fixture(scope="session")
def train() -> Split:
    return made_split(280, seed=1)


@pytest.fixture(scope="session")
def validation() -> Split:
    return made_split(70, seed=2)


@pytest.fixture(scope="session")
def test_split() -> Split:
    return made_split(77, seed=3)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in FER-2013's layout, of drawn faces."""
    return write_drawn_faces(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="session")
def voteless(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without FER+ votes, as `prepare` leaves it where there are none."""
    folder = tmp_path_factory.mktemp("voteless")
    for split in SPLITS:
        table = pd.read_parquet(drawn / f"{split}.parquet")
        table["ferplus_votes"] = [np.zeros(len(ANSWERS), np.int8)] * len(table)
        table.to_parquet(folder / f"{split}.parquet", index=False)
    return folder
