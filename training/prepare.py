"""FER-2013 as people have it -> the Parquet folder that this package trains on.

    python -m training prepare fer2013.csv DIR      # the official file
    python -m training prepare archive/ DIR         # train/angry/*.jpg, test/angry/*.jpg, …
    python -m training prepare parquet/ DIR         # train.parquet, validation.parquet, …

FER+ votes are taken from `fer2013new.csv` where it lies beside `fer2013.csv`.
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from fer.compare.fer2013 import OFFICIAL_CLASSES
from fer.emotions import EMOTIONS
from fer.errors import UnreadableImage
from fer.faces.images import EXTENSIONS, read_image
from fer.faces.preprocessing import FACE_SIZE
from fer.ferplus import ANSWERS
from training.data import OFFICIAL_COUNTS, SPLITS, BadData, load_split

USAGE = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
FOLDERS = {"train": ("train", "training"), "validation": ("validation", "val", "publictest")} | {
    "test": ("test", "privatetest")
}
HELD_OUT = 0.1
"""Share of train that becomes validation where a source has none."""


def prepare(source: Path, target: Path) -> list[str]:
    """Write `train.parquet`, `validation.parquet` and `test.parquet`.

    Args:
        source: `fer2013.csv`, a folder of class folders, or a folder of Parquet files.
        target: the folder to write; it is made if need be.

    Returns:
        Sentences that say how the result differs from the official split.

    Raises:
        BadData: if the source is none of these, or is damaged.
    """
    if source.is_file():
        tables = _from_csv(source)
    elif (source / "train.parquet").is_file():
        if missing := [name for name in SPLITS if not (source / f"{name}.parquet").is_file()]:
            raise BadData(f"{source} has no {missing[0]}.parquet.")
        tables = {name: pd.read_parquet(source / f"{name}.parquet") for name in SPLITS}
    elif source.is_dir():
        tables = _from_folders(source)
    else:
        raise BadData(f"There is no {source}.")
    remarks = []
    if "validation" not in tables:
        held_out = tables["train"].sample(frac=HELD_OUT, random_state=0).sort_index()
        tables["validation"] = held_out
        tables["train"] = tables["train"].drop(held_out.index)
        remarks.append(
            f"The source has no validation images: {len(held_out)} of train were held out, so "
            "figures are not comparable with those on the official split."
        )
    target.mkdir(parents=True, exist_ok=True)
    # What is there already stays until all three are whole and found to be sound.
    with tempfile.TemporaryDirectory(dir=target, prefix="new-") as partial:
        for name in SPLITS:
            table = tables[name].reset_index(drop=True)
            table.to_parquet(Path(partial) / f"{name}.parquet", index=False)
        remarks += differences(Path(partial))
        for name in SPLITS:
            (Path(partial) / f"{name}.parquet").replace(target / f"{name}.parquet")
    return remarks


def differences(folder: Path) -> list[str]:
    """Say how a data folder differs from the official split; nothing where it does not."""
    remarks = []
    for name in SPLITS:
        split = load_split(folder, name)
        counts = split.labels.bincount(minlength=len(EMOTIONS)).tolist()
        if len(split) != OFFICIAL_COUNTS[name]:
            remarks.append(f"{name} has {len(split)} images, officially {OFFICIAL_COUNTS[name]}.")
        elif tuple(counts) != OFFICIAL_CLASSES[name]:
            remarks.append(
                f"{name} has {counts} images of the classes, officially "
                f"{list(OFFICIAL_CLASSES[name])}."
            )
        if not split.votes.any():
            remarks.append(f"{name} has no FER+ votes: recipes that learn from votes use labels.")
    return remarks


def _from_csv(path: Path) -> dict[str, pd.DataFrame]:
    try:
        table = pd.read_csv(path, usecols=["emotion", "pixels", "Usage"])
    except (ValueError, UnicodeDecodeError) as error:
        raise BadData(
            f"{path} is not fer2013.csv ({error}); of Parquet files and photos give the folder."
        ) from error
    votes = _votes(path.with_name("fer2013new.csv"), len(table))
    if unknown := set(table["Usage"]) - USAGE.keys():
        raise BadData(f"{path} has rows of usage {sorted(map(str, unknown))}.")
    rows = []
    for row, (label, pixels) in enumerate(
        tqdm(zip(table["emotion"], table["pixels"], strict=True), "images", total=len(table))
    ):
        try:
            values = np.array(pixels.split(), dtype=np.uint8)
        except (ValueError, OverflowError, AttributeError) as error:
            raise BadData(f"Row {row} of {path} has pixels that are not 0 to 255.") from error
        if values.size != FACE_SIZE**2:
            raise BadData(f"Row {row} of {path} has {values.size} pixels, not {FACE_SIZE**2}.")
        rows.append(_row(Image.fromarray(values.reshape(FACE_SIZE, -1)), label, votes[row], row))
    whole = pd.DataFrame(rows)
    return {name: whole[table["Usage"] == usage] for usage, name in USAGE.items()}


def _votes(path: Path, count: int) -> np.ndarray:
    """Read FER+'s `fer2013new.csv`, whose rows stand in the order of `fer2013.csv`."""
    if not path.is_file():
        return np.zeros((count, len(ANSWERS)), np.int8)
    table = pd.read_csv(path)
    if len(table) != count:
        raise BadData(f"{path} has {len(table)} rows, fer2013.csv has {count}.")
    return table.iloc[:, -len(ANSWERS) :].to_numpy(np.int8)


def _from_folders(source: Path) -> dict[str, pd.DataFrame]:
    found = {path.name.lower(): path for path in source.iterdir() if path.is_dir()}
    tables = {}
    no_votes = np.zeros(len(ANSWERS), np.int8)
    for name, aliases in FOLDERS.items():
        folder = next((found[alias] for alias in aliases if alias in found), None)
        if folder is None:
            continue
        files = tqdm(list(_labelled_files(folder)), name, unit="image", file=sys.stderr)
        rows: list[dict[str, object]] = []
        for path, label in files:
            try:
                image = read_image(path).convert("L")
            except UnreadableImage as error:
                raise BadData(f"{path}: {error}") from error
            if image.size != (FACE_SIZE, FACE_SIZE):
                raise BadData(f"{path} is {image.width} x {image.height}; 48 x 48 is expected.")
            rows.append(_row(image, label, no_votes, len(rows)))
        tables[name] = pd.DataFrame(rows)
    if missing := {"train", "test"} - tables.keys():
        raise BadData(f"{source} has no folder {' and no folder '.join(sorted(missing))}.")
    return tables


def _labelled_files(folder: Path) -> Iterator[tuple[Path, int]]:
    classes = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    if unknown := sorted(classes.keys() - set(EMOTIONS)):
        raise BadData(
            f"{folder} has a folder {unknown[0]!r}; the classes are {', '.join(EMOTIONS)}."
        )
    for label, emotion in enumerate(EMOTIONS):
        if emotion in classes:
            for path in sorted(classes[emotion].iterdir()):
                if path.suffix[1:].lower() in EXTENSIONS:
                    yield path, label


def _row(image: Image.Image, label: int, votes: np.ndarray, row: int) -> dict[str, object]:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return {
        "image": {"bytes": buffer.getvalue(), "path": f"{row}.png"},
        "label": int(label),
        "ferplus_votes": votes,
        "row": np.int32(row),
    }
