"""FER-2013 with FER+ votes as tensors: the whole of a split in memory, as uint8.

A data folder holds `train.parquet`, `validation.parquet` (the official PublicTest) and
`test.parquet` (PrivateTest) with the columns `image` (PNG bytes), `label`,
`ferplus_votes` and `row`, the layout that the Hugging Face `datasets` library reads.
"""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from fer.compare.fer2013 import OFFICIAL_CLASSES
from fer.emotions import EMOTIONS
from fer.errors import FerError, first_line
from fer.faces.preprocessing import FACE_SIZE
from fer.ferplus import ANSWERS, NO_MAJORITY, OF_EMOTIONS, Measure, are_counts, majority

SPLITS = ("train", "validation", "test")
WITHOUT_VOTES = "choose_by=label votes_weight=0"
"""What makes a recipe that learns and chooses by the FER+ votes one of FER-2013's label."""
OFFICIAL_COUNTS = {name: sum(counts) for name, counts in OFFICIAL_CLASSES.items()}


class BadData(FerError):
    """A data folder or file that is not FER-2013 as this package expects it."""


@dataclass(frozen=True)
class Split:
    """One split of the data; all tensors share their first dimension and device."""

    images: Tensor
    """uint8 `[N, 1, 48, 48]`."""
    labels: Tensor
    """int64 `[N]`, FER-2013's own labels."""
    votes: Tensor
    """int8 `[N, 10]`: how many annotators gave each of `fer.ferplus.ANSWERS`; all zero where there
    are no votes."""
    rows: Tensor
    """int64 `[N]`: the row in the official `fer2013.csv`."""

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Split":
        """Return the split on a device."""
        return Split(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def head(self, count: int | None) -> "Split":
        """Return the first `count` images, or all."""
        return Split(*(getattr(self, name)[:count] for name in self.__dataclass_fields__))

    @property
    def majority(self) -> Tensor:
        """The emotion that most annotators saw, int64 `[N]`, as `fer.ferplus.majority` has it."""
        return torch.from_numpy(majority(self.votes.cpu().numpy())).to(self.labels.device)

    @property
    def truths(self) -> dict[Measure, Tensor]:
        """What answers are held against by each measure that there is, int64 `[N]`.

        By the votes it is `fer.ferplus.NO_MAJORITY` where there is no majority.
        """
        truths: dict[Measure, Tensor] = {"label": self.labels, "votes": self.majority}
        return {by: truth for by, truth in truths.items() if (truth != NO_MAJORITY).any()}

    def targets(self, votes_weight: float) -> Tensor:
        """Mix label and votes into a distribution to learn, float32 `[N, 7]`.

        Args:
            votes_weight: 0 for FER-2013's label alone, 1 for the FER+ votes alone: the shares of
                the seven emotions. An image without votes for any of them keeps its label.
        """
        one_hot = F.one_hot(self.labels, len(EMOTIONS)).float()
        votes = self.votes[:, OF_EMOTIONS].float()
        count = votes.sum(1, keepdim=True)
        mixed = torch.lerp(one_hot, votes / count.clamp(min=1), votes_weight)
        return torch.where(count > 0, mixed, one_hot)


def truth_to_choose_by(validation: Split, measure: Measure) -> Tensor:
    """Return what answers to the validation images are held against, int64 `[N]`.

    By the votes it is `fer.ferplus.NO_MAJORITY` where there is no majority.

    Raises:
        BadData: if it is that of every image.
    """
    truths = validation.truths
    if measure not in truths:
        raise BadData(
            "No validation image has a majority of FER+ votes to choose by: `python -m training "
            "prepare` takes them from fer2013new.csv beside fer2013.csv; a recipe trains without "
            f"them by {WITHOUT_VOTES}."
        )
    return truths[measure]


def digest(tensors: Iterable[Tensor], settings: object = ()) -> str:
    """Return the SHA-256 of what tensors hold, and of settings beside them, in hexadecimal."""
    found = hashlib.sha256(repr(settings).encode())
    for tensor in tensors:
        found.update(tensor.detach().cpu().contiguous().numpy().data)
    return found.hexdigest()


def load_split(folder: Path, split: str) -> Split:
    """Read one split from a data folder.

    Raises:
        BadData: if the file is missing, lacks a column, names a row twice, or holds a label out of
            range, other votes than ten counts, or what is not a grey image of 48 x 48 pixels.
    """
    path = folder / f"{split}.parquet"
    if not folder.is_dir():
        raise BadData(f"There is no folder {folder}: --data names one with FER-2013 as Parquet.")
    if not path.is_file():
        raise BadData(f"{folder} has no {path.name}: a data folder holds {', '.join(SPLITS)}.")
    try:
        table = pd.read_parquet(path, columns=["image", "label", "ferplus_votes", "row"])
        if table.empty:
            raise ValueError("it holds no images")
        images = np.stack([_decode(image["bytes"]) for image in table["image"]])
        votes = np.stack(table["ferplus_votes"].to_list())
        if votes.shape[1:] != (len(ANSWERS),) or not are_counts(votes).all():
            raise ValueError(f"it has votes that are not {len(ANSWERS)} counts an image")
        # Int64 refuses what int64 would cut to a whole number.
        labels, rows = (
            table[name].astype("Int64").to_numpy(dtype="int64") for name in ("label", "row")
        )
        if len(np.unique(rows)) < len(rows):
            raise ValueError("it names a row twice")
    except (ValueError, TypeError, OSError) as error:  # pyarrow's are of the first or the last
        raise BadData(
            f"{path} cannot be read ({first_line(error)}): `python -m training prepare` makes such "
            "files of what others hand out."
        ) from error
    if outside := sorted({int(x) for x in labels if not 0 <= x < len(EMOTIONS)}):
        raise BadData(f"{path} has labels outside 0 to {len(EMOTIONS) - 1}: {outside}.")
    return Split(
        images=torch.from_numpy(images),
        labels=torch.tensor(labels),
        votes=torch.tensor(votes, dtype=torch.int8),
        rows=torch.tensor(rows),
    )


def _decode(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        if (image.mode, image.size) != ("L", (FACE_SIZE, FACE_SIZE)):
            raise ValueError(
                f"it holds an image of {image.width} x {image.height} pixels and mode "
                f"{image.mode}; {FACE_SIZE} x {FACE_SIZE} grey is expected"
            )
        return np.asarray(image)[None]
