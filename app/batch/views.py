"""The batch page's views: a job at work, and what came of it."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import pyarrow as pa
import streamlit as st

from app.batch.gallery import show_gallery
from app.batch.report import batch_report
from app.batch.ways_in import jobs
from app.choice import ask_choice, select
from app.downloads import offer_download
from app.figures.emotions import emotion_counts
from app.pictures import offer_pictures, with_faces, zipped
from app.report import offer_report
from app.server.jobs import Job, to_csv, to_excel_csv, to_parquet
from app.shared import show_first, show_newest
from app.work import WorkPage, while_kept
from fer.columns import Status
from fer.emotions import EMOTIONS
from fer.wording import counted, duration


def downloads(label: str, name: str, table: Callable[[], pa.Table]) -> None:
    """Show the download buttons; what they send is made when they are pressed.

    Args:
        label: what is sent, after "CSV: ".
        name: of the file, without its ending.
        table: makes the rows to send.
    """
    kinds = (
        ("CSV", "csv", "text/csv", lambda: to_csv(table())),
        ("Parquet", "parquet", "application/vnd.apache.parquet", lambda: to_parquet(table())),
        ("CSV for Excel", "csv", "text/csv", lambda: to_excel_csv(table())),
    )
    for kind, ending, mime, make in kinds:
        offer_download(f"{kind}: {label}", make, f"{name}.{ending}", mime, f"download-{kind}")


@st.fragment(run_every=1.0)
@while_kept()
def watch(job: Job) -> None:
    """Show a job at work, anew every second, and the whole page once it has ended."""
    if not job.running:
        st.rerun()
    progress = job.progress()
    left = progress.remaining
    pace = (
        "Looking at the first photos …"
        if left is None
        else f"{progress.rate:.1f} photos/s · {duration(left)} left"
    )
    share = progress.done / progress.total
    st.progress(share, f"{progress.done:,} of {progress.total:,} · {pace}")
    with st.grid(min_column_width=140):
        st.metric("Faces", f"{progress.faces:,}")
        st.metric("Unreadable files", f"{progress.errors:,}")
        st.metric("Other files skipped", f"{job.skipped:,}")
    show_newest(job.table())


def show_summary(job: Job, table: pd.DataFrame) -> None:
    """Say what came out, in figures and as a distribution."""
    progress = job.progress()
    if job.failure:
        st.error(job.failure, icon=":material/error:")
    if not job.complete:
        st.warning(
            f"Stopped early: {progress.done:,} of {progress.total:,} files are accounted for.",
            icon=":material/stop_circle:",
        )
    left, right = st.columns([2, 3], gap="large")
    with left, st.grid(min_column_width=130):
        st.metric("Photos", f"{progress.done:,}")
        st.metric("Faces", f"{progress.faces:,}")
        st.metric("Photos without a face", f"{(table['status'] == Status.NO_FACE).sum():,}")
        st.metric("Unreadable files", f"{progress.errors:,}")
    with right:
        counts = {name: int((table["emotion"] == name).sum()) for name in EMOTIONS}
        st.plotly_chart(
            emotion_counts(counts),
            key="distribution",
            config={"displayModeBar": False},
            alt="Faces by emotion: "
            + ", ".join(f"{counts[emotion]:,} {emotion}" for emotion in EMOTIONS),
        )
    st.caption(
        f"Scored with {job.model} in {duration(progress.seconds)}, {progress.rate:.1f} photos/s. "
        f"Other files skipped: {job.skipped:,}."
    )


def show_result(job: Job) -> None:
    """Show what came of a job that has ended."""
    table = job.frame()
    show_summary(job, table)
    st.header("Faces and files")
    rows = select(table, ask_choice())
    chosen = rows.index.to_numpy()
    label = f"{len(rows):,} rows" if len(rows) == len(table) else f"{len(rows):,} rows chosen"
    with st.container(horizontal=True):
        # From the job anew: a button keeps what it is given as long as the page is open.
        downloads(label, "emotions", lambda: job.table().take(chosen))
        if job.result.pictures:
            download_pictures(job)
        offer_report("Report: the whole batch", partial(batch_report, job), "batch-report")
    gallery, rest = st.tabs(["Faces", "Table"])
    with gallery:
        show_gallery(job, rows)
    with rest:
        show_first(rows, "One row a face, and one for every other file")


def download_pictures(job: Job) -> None:
    """Offer the photos with their boxes as a zip, their faces shown or hidden."""
    offer_pictures(
        f"{counted(len(job.result.pictures), 'picture')} as a zip",
        lambda hiding: zipped(
            (path, with_faces(data, job.rows_of(path), hiding=hiding))
            for path, data in job.result.pictures.items()
        ),
        "emotions.zip",
        "application/zip",
        "Small pictures: the photos themselves were let go.",
    )


PAGE = WorkPage("batch", "photos", jobs)


def show_job(job: Job) -> None:
    """Show a job, at work or ended, under its name and what can be done with it."""
    PAGE.show(
        job,
        watch,
        show_result,
        lambda job: downloads("what is done so far", "emotions-so-far", job.table),
    )
