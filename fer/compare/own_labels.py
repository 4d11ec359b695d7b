"""A user's own photos: the batch scorer's table and true labels -> predictions to compare.

The labels are a CSV with `path` and `label`, and with `face` where photos show several, as
`fer.compare.tables` reads it. A label is one of the seven emotions or its number. Every other
column may name groups of photos: their light, their camera, whatever the user knows of them. Faces
are numbered from 1 in reading order; in tables without the column `certain`, which older versions
wrote, from 0 and from left to right.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import pandas as pd

from fer.columns import PROBABILITIES, Status
from fer.compare.metrics import Predictions
from fer.compare.tables import number, plain, read_table
from fer.emotions import emotion_number
from fer.errors import UnreadableTable

SCORED = [status for status in Status if status.has_face]
NOT_GIVEN = "not given"
"""The group of photos whose cell in a group's column is empty."""


DEEPEST = 64
"""Folders that are tried to be left out of a path: a cell may hold a hundred thousand."""
NAMED = 3
"""Photos named for each reason, where none is left to compare."""


@dataclass(frozen=True)
class Labelled:
    """Labelled faces with each model's answer, and what had to be left out."""

    models: list[Predictions]
    left_out: dict[str, list[str]]
    """Photos by the reason, as a phrase: "has no label". A photo may stand under several."""
    groups: tuple[str, ...] = ()
    """Columns of the models' tables that name groups of photos; a cell that was empty says so."""


def match(scores: Sequence[IO[bytes]], labels: IO[bytes]) -> Labelled:
    """Join the batch scorer's tables with true labels.

    Without a column `face` in the labels, a photo with more than one face is left out: which of
    them the label means is not known.

    Args:
        scores: one or more CSVs of the batch scorer; each `model` in them is compared.
        labels: a CSV with `path`, `label`, perhaps `face`, and perhaps columns of groups. A column
            that the scorer's tables have, too, names none.

    Raises:
        UnreadableTable: if a file is not such a table, or nothing is left to compare.
    """
    truth = read_table(labels, ["path", "label"])
    by_face = "face" in truth and truth["face"].str.strip().any()
    keys = ["path", "face"] if by_face else ["path"]
    left_out: dict[str, list[str]] = {}
    truth["path"] = truth["path"].map(_path)
    truth["label"] = truth["label"].map(_label)
    if by_face:
        truth["face"] = truth["face"].map(number)
    _leave_out(left_out, truth, truth["label"].isna(), "has a label that is none of the seven")
    good = truth[truth["label"].notna()].drop_duplicates([*keys, "label"])
    twice = good.duplicated(keys, keep=False)
    _leave_out(left_out, good, twice, "has two labels that differ")
    # What has no good label keeps its line, without one: it is not to be named as unlabelled, too.
    truth = truth[keys].drop_duplicates().merge(good[~twice], on=keys, how="left")

    tables = [
        read_table(file, ["path", "status", "face", "model", *PROBABILITIES]) for file in scores
    ]
    if by_face:
        _check_numbering(tables, truth)
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    if table.empty:
        raise UnreadableTable("The batch scorer's table has no rows.")
    table["path"] = table["path"].map(_path)
    table["face"] = table["face"].map(number)
    truth["path"] = _as_scored(truth["path"], set(table["path"]))
    known = {*keys, "label", *table.columns}
    groups = [str(name) for name in truth.columns if name not in known]
    truth[groups] = truth[groups].apply(lambda column: column.str.strip().replace("", NOT_GIVEN))
    models = []
    for name, rows in table.groupby("model", sort=False):
        models.append(_predictions(str(name), rows, truth, keys, groups, left_out))
    models = [predictions for predictions in models if len(predictions.table)]
    if not models:
        reasons = "; ".join(
            f"{len(paths):,} × {reason} ({', '.join(paths[:NAMED])}{' …' * (len(paths) > NAMED)})"
            for reason, paths in left_out.items()
        )
        raise UnreadableTable(f"No face has both a score and a label: {reasons}.")
    return Labelled(models, left_out, tuple(groups))


def _predictions(
    name: str,
    rows: pd.DataFrame,
    truth: pd.DataFrame,
    keys: list[str],
    groups: list[str],
    left_out: dict[str, list[str]],
) -> Predictions:
    photos, good = set(rows["path"]), truth[truth["label"].notna()]
    _leave_out(left_out, good, ~good["path"].isin(photos), f"has a label but no row of {name}")
    _leave_out(left_out, rows, ~rows["path"].isin(truth["path"]), "has a score but no label")
    rows = rows[rows["path"].isin(good["path"])]
    scored = rows["status"].isin(SCORED)
    _leave_out(left_out, rows, rows["status"] == Status.NO_FACE, "has no face that was found")
    other = ~scored & (rows["status"] != Status.NO_FACE)
    _leave_out(left_out, rows, other, "could not be read")
    rows = rows[scored]
    probabilities = rows[PROBABILITIES].map(number)
    sound = np.isclose(probabilities.sum(axis=1, skipna=False), 1, atol=1e-2)
    _leave_out(left_out, rows, ~sound, "has probabilities that do not sum to 1")
    rows = rows[sound].assign(**probabilities[sound])
    repeated = rows.duplicated(["path", "face"])
    _leave_out(left_out, rows, repeated, "is scored twice")
    rows = rows[~repeated]
    if keys == ["path"]:
        several = rows.duplicated("path", keep=False)
        _leave_out(left_out, rows, several, "has several faces and one label")
        rows = rows[~several]
    joined = rows.merge(good[[*keys, "label", *groups]], on=keys)
    if keys != ["path"]:
        _leave_out(left_out, rows, _not_in(truth, rows, keys), "has a face without a label")
        known = good[good["path"].isin(rows["path"])]
        reason = "has a label for a face that was not found"
        _leave_out(left_out, known, _not_in(rows, known, keys), reason)
    row = joined["path"]
    if keys != ["path"]:
        row = row + "#" + joined["face"].map("{:.0f}".format)
    table = joined[["label", *PROBABILITIES, *groups]].astype({"label": int})
    return Predictions(name, table.assign(row=row))


def _check_numbering(tables: Sequence[pd.DataFrame], truth: pd.DataFrame) -> None:
    """Refuse to join by number what numbers a photo's faces in different ways."""
    older = ["certain" not in table for table in tables]
    if any(older) and not all(older):
        raise UnreadableTable(
            "Some of these tables count a photo's faces from 1 and some, made by an older version, "
            "from 0: score the photos again with this one."
        )
    if not any(older) and (truth["face"] == 0).any():
        raise UnreadableTable(
            "The labels count a photo's faces from 0, as older tables did, and this table counts "
            "them from 1, row by row: take the numbers from this table."
        )


def _not_in(others: pd.DataFrame, table: pd.DataFrame, keys: list[str]) -> np.ndarray:
    """Say of each line of a table whether none of the others, each once, has its keys."""
    found = table[keys].merge(others[keys], on=keys, how="left", indicator=True)
    return (found["_merge"] == "left_only").to_numpy()


def _leave_out(
    left_out: dict[str, list[str]], table: pd.DataFrame, which: object, reason: str
) -> None:
    paths = dict.fromkeys(table.loc[np.asarray(which, dtype=bool), "path"])
    known = set(left_out.get(reason, []))
    if new := [path for path in paths if path not in known]:
        left_out.setdefault(reason, []).extend(new)


def _path(path: str) -> str:
    """Write a path as the batch scorer does, without the `./` it puts before formulas."""
    return plain(path).replace("\\", "/").removeprefix("./")


def _label(label: str) -> float:
    """Return an emotion's number, given its name or number; not-a-number for anything else."""
    number_ = emotion_number(plain(label))
    return np.nan if number_ is None else number_


def _ends(path: str) -> Iterator[str]:
    """Yield a path whole, then without its first folder, without its first two, and so on."""
    for _ in range(DEEPEST):
        if path:
            yield path
        path = path.partition("/")[2]


def _as_scored(paths: pd.Series, scored: set[str]) -> pd.Series:
    """Write labels' paths as the scores have them: other capitals, or from another folder on.

    From another folder only where not one path is the same, and only if one photo can be meant.
    """
    by_case: dict[str, list[str]] = {}
    by_end: dict[str, set[str]] = {}
    none_the_same = not scored.intersection(paths)
    for path in scored:
        by_case.setdefault(path.casefold(), []).append(path)
        for end in _ends(path) if none_the_same else ():
            by_end.setdefault(end, set()).add(path)

    def find(path: str) -> str:
        found = by_case.get(path.casefold(), [])
        if path not in scored and not found and none_the_same:
            shorter = scored.intersection(_ends(path))
            found = [*(by_end.get(path, set()) | shorter)]
        return found[0] if path not in scored and len(found) == 1 else path

    renamed = {path: find(path) for path in paths}
    taken = Counter(renamed.values())
    # Labels of two paths that would become those of one photo stay as they are.
    return paths.map({path: new if taken[new] == 1 else path for path, new in renamed.items()})
