"""A batch as a report: what was found, by which model, and how far to believe it."""

import pandas as pd

from app.choice import status_name
from app.figures.emotions import emotion_counts
from app.report import cards, document, facts, figure, heading, sentence, table
from app.server.jobs import Job
from app.shared import find_artifact
from fer.columns import Status
from fer.emotions import EMOTIONS
from fer.wording import duration, percent

ROWS = 1_000
"""Faces and files listed; the table that is downloaded has all."""


def batch_report(job: Job) -> bytes:
    """Return a batch that has ended as one HTML file."""
    rows = job.frame()
    faces = rows[rows["emotion"].notna()]
    artifact = find_artifact(job.model)
    counts = {name: int((faces["emotion"] == name).sum()) for name in EMOTIONS}
    return document(
        f"Faces of {job.name}",
        [
            facts(summary(job, rows)),
            heading("What the faces show"),
            figure(emotion_counts(counts), "Faces by emotion"),
            table(by_emotion(faces)),
            heading("Faces and files"),
            *listing(rows),
            *cards([artifact]),
        ],
    )


def summary(job: Job, rows: pd.DataFrame) -> dict[str, str]:
    """Return what was handed in, how it was scored, and what came out."""
    progress = job.progress()
    return {
        "model": job.model,
        "photos": f"{progress.done:,}" + ("" if job.complete else f" of {progress.total:,}"),
        "faces": f"{progress.faces:,}",
        "faces named for certain": f"{(rows['certain'] == True).sum():,}",  # noqa: E712 - empty cells
        "photos without a face": f"{(rows['status'] == Status.NO_FACE).sum():,}",
        "unreadable files": f"{progress.errors:,}",
        "other files skipped": f"{job.skipped:,}",
        "scored in": duration(progress.seconds),
    }


def by_emotion(faces: pd.DataFrame) -> pd.DataFrame:
    """Return a line an emotion: how many faces, how many for certain, how sure on average."""
    lines = []
    for emotion in EMOTIONS:
        named = faces[faces["emotion"] == emotion]
        lines.append(
            {
                "emotion": emotion,
                "faces": f"{len(named):,}",
                "for certain": f"{(named['certain'] == True).sum():,}",  # noqa: E712
                "mean confidence": percent(named["confidence"].mean()) if len(named) else None,
            }
        )
    return pd.DataFrame(lines)


def listing(rows: pd.DataFrame) -> list[str]:
    """Return the rows as a table, and a sentence where that is not all of them."""
    part = rows.head(ROWS)
    shown = pd.DataFrame(
        {
            "photo": part["path"],
            "face": part["face"],
            "shows": part["emotion"],
            "confidence": [None if pd.isna(one) else percent(one) for one in part["confidence"]],
            "certain": part["certain"].map({True: "yes", False: "no"}),
            "status": part["error"].fillna(part["status"].map(status_name)),
        }
    )
    said = f"The first {ROWS:,} of {len(rows):,} rows; the table as CSV has all."
    return [*([sentence(said)] if len(rows) > ROWS else []), table(shown)]
