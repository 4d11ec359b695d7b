"""What a video's table says of each person in it."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from fer.columns import PROBABILITIES, Status
from fer.emotions import EMOTIONS
from fer.video.timeline import SMOOTHED

BRIEF = 1.0
"""Seconds: who is seen for less is likelier a face that is none, or one in passing."""

LASTING = 0.4
"""Seconds for which a new expression must last to be called a change."""


@dataclass(frozen=True)
class Person:
    """A face that was followed through a video."""

    track: int
    rows: pd.DataFrame
    """Its rows of the table, with the column `shown`: the emotion it is named with."""
    span: float
    """Seconds between two frames that were scored; what each row stands for."""

    @property
    def seconds(self) -> float:
        """For how long the person is seen."""
        return len(self.rows) * self.span

    @property
    def shares(self) -> dict[str, float]:
        """The share of that time that each emotion is shown, in the emotions' fixed order."""
        shares = self.rows["shown"].value_counts(normalize=True)
        return {emotion: float(shares.get(emotion, 0.0)) for emotion in EMOTIONS}


def people(table: pd.DataFrame) -> list[Person]:
    """Return the persons of a table, those seen longest first."""
    faces = table[table["track"].notna()]
    faces = faces.assign(shown=faces["smoothed"].fillna(faces["emotion"]))
    times = np.unique(table.loc[table["status"] != Status.ERROR, "time"])
    span = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    found = [Person(int(cast(int, track)), rows, span) for track, rows in faces.groupby("track")]
    return sorted(found, key=lambda person: (-len(person.rows), person.track))


def probabilities(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the seven probabilities by emotion: smoothed where they are."""
    names = SMOOTHED if rows["smoothed"].notna().all() else PROBABILITIES
    return rows[list(names)].set_axis(EMOTIONS, axis="columns")


def changes(person: Person) -> pd.DataFrame:
    """Return when a person's expression changed, and from what to what.

    Returns:
        Columns `time`, `track`, `from`, `to`; expressions shorter than `LASTING` are passed over.
    """
    rows = person.rows
    run = (rows["shown"] != rows["shown"].shift()).cumsum()
    lasting = rows.groupby(run).agg(
        time=("time", "first"), end=("time", "last"), shown=("shown", "first")
    )
    lasting = lasting[lasting["end"] - lasting["time"] + person.span >= LASTING]
    lasting = lasting[lasting["shown"] != lasting["shown"].shift()]
    before = lasting["shown"].shift()
    return pd.DataFrame(
        {"time": lasting["time"], "track": person.track, "from": before, "to": lasting["shown"]}
    )[before.notna()].reset_index(drop=True)
