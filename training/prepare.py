"""FER-2013 as people have it -> the Parquet folder that this package trains on.

    python -m training prepare fer2013.csv DIR      # the official file, or icml_face_data.csv
    python -m training prepare archive/ DIR         # train/angry/*.jpg, test/angry/*.jpg, …
    python -m training prepare parquet/ DIR         # train.parquet, …, or as the Hub lays them out

FER+ votes are taken from `fer2013new.csv` where it lies beside `fer2013.csv`.
"""

import io
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image
from tqdm import tqdm

from fer.compare.fer2013 import OFFICIAL_CLASSES
from fer.emotions import EMOTIONS, emotion_number
from fer.errors import UnreadableImage, first_line
from fer.faces.images import HEAD, read_image
from fer.faces.preprocessing import FACE_SIZE
from fer.ferplus import ANSWERS, are_counts
from fer.files import is_lfs_pointer, read_regular, same_file
from fer.scoring.folder import is_aside, is_photo
from fer.wording import counted
from training.data import (
    OFFICIAL_COUNTS,
    SPLITS,
    WITHOUT_VOTES,
    BadData,
    load_split,
)

USAGE = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
"""What fer2013.csv calls the splits."""
ALIASES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "publictest"),
    "test": ("test", "privatetest"),
}
"""What the splits are called, in lower case: as a usage in the csv, a folder, or a file."""
SPLIT_OF = {alias: name for name, aliases in ALIASES.items() for alias in aliases}
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
        BadData: if the source is none of these, or is damaged; it names the source's own row. Also
            if the target is the source, which a split that is held out would make smaller.
    """
    if same_file(source, target):
        raise BadData(f"{target} is what is read: give another folder to write to.")
    if source.is_file():
        tables = _from_csv(source)
    elif files := _parquet_files(source):
        tables = {name: _from_parquet(paths) for name, paths in files.items()}
    elif source.is_dir():
        tables = _from_folders(source)
    else:
        raise BadData(f"There is no {source}.")
    tables = {name: table for name, table in tables.items() if len(table)}
    if missing := sorted({"train", "test"} - tables.keys()):
        raise BadData(f"{source} has no images of {' and none of '.join(missing)}.")
    remarks = []
    if "validation" not in tables:
        train = tables["train"].reset_index(drop=True)
        if len(train) < 2:
            raise BadData(f"{source} has one image to train on and none to validate with.")
        count = max(1, round(HELD_OUT * len(train)))
        held_out = train.sample(count, random_state=0).sort_index()
        tables["validation"] = held_out
        tables["train"] = train.drop(held_out.index)
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
    remarks, voteless = [], False
    for name in SPLITS:
        split = load_split(folder, name)
        counts = split.labels.bincount(minlength=len(EMOTIONS)).tolist()
        if len(split) != OFFICIAL_COUNTS[name]:
            images, official = counted(len(split), "image"), OFFICIAL_COUNTS[name]
            remarks.append(f"{name} has {images}, officially {official:,}.")
        elif tuple(counts) != OFFICIAL_CLASSES[name]:
            remarks.append(
                f"{name} has {counts} images of the classes, officially "
                f"{list(OFFICIAL_CLASSES[name])}."
            )
        if not split.votes.any():
            remarks.append(f"{name} has no FER+ votes.")
            voteless = True
    if voteless:
        remarks.append(
            "Without FER+ votes recipes learn labels, and those that choose by votes are refused: "
            f"put fer2013new.csv beside fer2013.csv, or train with {WITHOUT_VOTES}."
        )
    return remarks


def _from_csv(path: Path) -> dict[str, pd.DataFrame]:
    table = _read_csv(path)
    if missing := [name for name in ("emotion", "pixels", "usage") if name not in table]:
        raise BadData(
            f"{path} is not fer2013.csv, it has no column {', '.join(missing)}: give the file with "
            "emotion, pixels and Usage; of Parquet files and photos give the folder."
        )
    splits = [SPLIT_OF.get(usage.strip().lower()) for usage in table["usage"]]
    if None in splits:
        row = splits.index(None)
        raise BadData(
            f"Row {row} of {path} has the usage {table['usage'][row]!r}; it is one of "
            f"{', '.join(USAGE)}."
        )
    votes = _votes(path.with_name("fer2013new.csv"), len(table))
    rows = []
    for row, (text, pixels) in enumerate(
        tqdm(zip(table["emotion"], table["pixels"], strict=True), "images", total=len(table))
    ):
        label = _label(text, f"Row {row} of {path}")
        try:
            values = np.array([int(value) for value in pixels.split()])
        except ValueError as error:
            raise BadData(f"Row {row} of {path} has pixels that are not 0 to 255.") from error
        if values.size != FACE_SIZE**2:
            raise BadData(f"Row {row} of {path} has {values.size} pixels, not {FACE_SIZE**2}.")
        if values.min() < 0 or values.max() > 255:
            raise BadData(f"Row {row} of {path} has pixels that are not 0 to 255.")
        image = Image.fromarray(values.reshape(FACE_SIZE, -1).astype(np.uint8))
        rows.append(_row(image, label, votes[row], row))
    whole, of = pd.DataFrame(rows), np.array(splits)
    return {name: whole[of == name] for name in SPLITS}


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a table as text, its columns' names in lower case; Kaggle's have blanks before them."""
    with open(path, "rb") as file:
        if is_lfs_pointer(file.read(200)):
            raise BadData(f"{path} is a Git LFS pointer, not the data: run `git lfs pull`.")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
        if len(table.columns) == 1:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, sep=";")
    except Exception as error:
        # A csv may also be packed, and each packing fails in its own ways.
        raise BadData(
            f"{path} is not fer2013.csv ({first_line(error)}); of Parquet files and photos give "
            "the folder."
        ) from error
    return table.rename(columns=lambda name: str(name).strip().lower())


def _label(value: object, where: str) -> int:
    number = emotion_number(value)
    if number is None:
        raise BadData(
            f"{where} has the label {str(value)!r}: the labels are 0 to {len(EMOTIONS) - 1}, or "
            f"{', '.join(EMOTIONS)}."
        )
    return number


def _votes(path: Path, count: int) -> np.ndarray:
    """Read FER+'s `fer2013new.csv`, whose rows stand in the order of `fer2013.csv`."""
    if not path.is_file():
        return np.zeros((count, len(ANSWERS)), np.int8)
    table = _read_csv(path)
    if len(table) != count:
        raise BadData(f"{path} has {len(table)} rows, fer2013.csv has {count}.")
    votes = table.iloc[:, -len(ANSWERS) :].apply(pd.to_numeric, errors="coerce").to_numpy()
    sound = are_counts(votes).all(axis=1)
    if votes.shape[1] != len(ANSWERS) or not sound.all():
        row = int(np.argmin(sound))
        raise BadData(f"Row {row} of {path} does not end in {len(ANSWERS)} numbers of votes.")
    return votes.astype(np.int8)


def _parquet_files(source: Path) -> dict[str, list[Path]]:
    """Return the Parquet files of each split, as this package or the Hub lays them out.

    `train.parquet`, `data/train-00000-of-00001.parquet`, `default/train/0000.parquet`; where a
    folder holds the data twice, what lies highest counts.
    """
    found: dict[int, dict[str, list[Path]]] = {}
    for path in sorted(source.rglob("*.parquet")):
        inside = path.relative_to(source)
        if any(map(is_aside, inside.parts)):
            continue
        stem = re.sub(r"-\d+-of-\d+$", "", path.stem.lower())
        folder = inside.parent.name.lower()
        name = SPLIT_OF.get(stem) or (SPLIT_OF.get(folder) if stem.isdigit() else None)
        if name:
            found.setdefault(len(inside.parts), {}).setdefault(name, []).append(path)
    return found[min(found)] if found else {}


def _from_parquet(paths: Sequence[Path]) -> pd.DataFrame:
    """Read a split; what it lacks of votes and row numbers is none, and counted."""
    rows: list[dict[str, object]] = []
    for path in paths:
        try:
            file = pq.ParquetFile(path)
            table = file.read().to_pandas()
        except (ValueError, OSError) as error:  # pyarrow's errors are kinds of these two
            raise BadData(f"{path} cannot be read: {first_line(error)}.") from error
        label = next((name for name in ("label", "labels", "emotion") if name in table), None)
        if label is None or "image" not in table:
            raise BadData(f"{path} has no columns image and label, but {', '.join(table)}.")
        names = _label_names(file, label)
        for number, values in enumerate(table.to_dict("records")):
            where = f"Row {number} of {path}"
            value = values[label]
            if names is not None and isinstance(value, int):
                value = names[value] if 0 <= value < len(names) else value
            votes = np.asarray(values.get("ferplus_votes", np.zeros(len(ANSWERS))))
            if votes.shape != (len(ANSWERS),) or not are_counts(votes).all():
                raise BadData(f"{where} has other votes than {len(ANSWERS)} counts.")
            row = values.get("row", len(rows))
            if not isinstance(row, int):
                raise BadData(f"{where} has the row number {row!r}.")
            rows.append(
                _kept(values["image"], _label(value, where), votes.astype(np.int8), row, where)
            )
    return pd.DataFrame(rows)


def _label_names(file: pq.ParquetFile, column: str) -> list[str] | None:
    """Return what the numbers of a column mean, where the `datasets` library has noted it.

    Others number the emotions in other orders, mostly by the alphabet.
    """
    try:
        features = json.loads((file.schema_arrow.metadata or {})[b"huggingface"])["info"][
            "features"
        ]
        return list(map(str, features[column]["names"]))
    except (KeyError, ValueError, TypeError):
        return None


def _kept(image: object, label: int, votes: np.ndarray, row: int, where: str) -> dict[str, object]:
    """Return an image's row: its bytes as they are if they are a grey PNG, else written as one."""
    data = image.get("bytes") if isinstance(image, dict) else image
    if not isinstance(data, bytes):
        raise BadData(f"{where} holds no image but {type(data).__name__}.")
    try:
        with Image.open(io.BytesIO(data)) as opened:
            as_it_is = (opened.format, opened.mode, opened.size) == ("PNG", "L", (FACE_SIZE,) * 2)
        grey = opened if as_it_is else _grey(data, where)
    except OSError as error:
        raise BadData(f"{where} holds no image: {error}") from error
    made = {"label": label, "ferplus_votes": votes, "row": np.int32(row)}
    if as_it_is:
        return {"image": {"bytes": data, "path": f"{row}.png"}} | made
    return _row(grey, label, votes, row)


def _grey(source: Path | bytes, where: str) -> Image.Image:
    try:
        image = read_image(source).convert("L")
    except UnreadableImage as error:
        raise BadData(f"{where}: {error}") from error
    if image.size != (FACE_SIZE, FACE_SIZE):
        raise BadData(f"{where} is {image.width} x {image.height}; 48 x 48 is expected.")
    return image


def _from_folders(source: Path) -> dict[str, pd.DataFrame]:
    tables: dict[str, pd.DataFrame] = {}
    no_votes = np.zeros(len(ANSWERS), np.int8)
    found = {path.name.lower(): path for path in source.iterdir() if path.is_dir()}
    for name, aliases in ALIASES.items():
        folder = next((found[alias] for alias in aliases if alias in found), None)
        if folder is None:
            continue
        files = tqdm(list(_labelled_files(folder)), name, unit="image", file=sys.stderr)
        rows: list[dict[str, object]] = []
        for path, label in files:
            rows.append(_row(_grey(path, str(path)), label, no_votes, len(rows)))
        tables[name] = pd.DataFrame(rows)
    if missing := {"train", "test"} - tables.keys():
        raise BadData(f"{source} has no folder {' and no folder '.join(sorted(missing))}.")
    return tables


def _labelled_files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield the photos of each class; what is hidden, such as `.ipynb_checkpoints`, is none."""
    classes = [
        path for path in sorted(folder.iterdir()) if path.is_dir() and not is_aside(path.name)
    ]
    labels = {path: emotion_number(path.name) for path in classes}
    if unknown := [path.name for path, label in labels.items() if label is None]:
        raise BadData(
            f"{folder} has a folder {unknown[0]!r}; the classes are {', '.join(EMOTIONS)}."
        )
    for path, label in sorted(labels.items(), key=lambda pair: (pair[1] or 0, pair[0])):
        for file in sorted(path.iterdir()):
            if label is not None and file.is_file() and is_photo(file.name, partial(_head, file)):
                yield file, label


def _head(path: Path) -> bytes:
    return read_regular(path, size=HEAD)


def _row(image: Image.Image, label: int, votes: np.ndarray, row: int) -> dict[str, object]:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return {
        "image": {"bytes": buffer.getvalue(), "path": f"{row}.png"},
        "label": int(label),
        "ferplus_votes": votes,
        "row": np.int32(row),
    }
