"""A batch's faces given their true emotion, one after the other, by a key each."""

import io
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from app.downloads import offer_download
from app.server.jobs import Job, to_csv
from app.work import while_kept
from fer.emotions import EMOTIONS

FACE_SIDE = 224  # pixels


@dataclass(frozen=True)
class Labelled:
    """Faces that a visitor has labelled: what the comparison page's own-data view takes."""

    name: str
    """Of the batch."""
    scores: bytes
    """Their rows, as `fer score` writes them."""
    labels: bytes
    """CSV of `path`, `face`, `label`."""

    def files(self) -> tuple[io.BytesIO, io.BytesIO]:
        """Return both tables as if they had been handed in."""
        return io.BytesIO(self.scores), io.BytesIO(self.labels)


def labels_of(job: Job) -> dict[int, str]:
    """Return this visitor's labels of a batch's faces, by row of its table."""
    return st.session_state.setdefault("labels", {}).setdefault(job.id, {})


def skipped_of(job: Job) -> dict[int, None]:
    """Return the faces of a batch that this visitor skipped, those skipped latest last."""
    return st.session_state.setdefault("labels_skipped", {}).setdefault(job.id, {})


def labels_table(rows: pd.DataFrame, labels: dict[int, str]) -> pd.DataFrame:
    """Return labels as a table of `path`, `face` and `label`, in the order of the rows."""
    given = rows[rows.index.isin(labels)].sort_index()
    table = given[["path", "face"]].copy()
    table["label"] = [labels[index] for index in given.index]
    return table


@st.fragment
@while_kept()
def show_labelling(job: Job, faces: list[int]) -> None:
    """Show the faces one by one, without the model's answer, and take what the visitor says.

    Args:
        faces: which rows of the table to label, in their order. Not the rows themselves: the
            fragment keeps what it is given as long as the page is open.
    """
    labels = labels_of(job)
    left = [index for index in faces if index not in labels]
    # What was skipped comes again at the end, in the order in which it was.
    places = {index: place for place, index in enumerate(skipped_of(job))}
    waiting = sorted(left, key=lambda index: places.get(index, -1))
    done = len(faces) - len(left)
    st.progress(done / len(faces), f"{done:,} of {len(faces):,} labelled")
    if waiting:
        index = waiting[0]
        with st.container(horizontal=True, gap="large"):
            st.image(job.result.crops[index], width=FACE_SIDE, alt="The face to label")
            with st.container(width=460):
                st.caption("What does it show? The keys 1 to 7 do the same.")
                with st.container(horizontal=True):
                    for number, emotion in enumerate(EMOTIONS, start=1):
                        st.button(
                            emotion,
                            key=f"label-{emotion}",
                            shortcut=str(number),
                            on_click=label,
                            args=(job, index, emotion),
                        )
                st.button("Skip", key="label-skip", shortcut="S", on_click=skip, args=(job, index))
    if not labels:
        return
    table = labels_table(job.frame(), labels)
    with st.container(horizontal=True):
        st.button(
            "Undo the last", icon=":material/undo:", key="label-undo", on_click=undo, args=(job,)
        )
        data = table.to_csv(index=False)
        offer_download(
            f"CSV: {len(table):,} labels", data, "labels.csv", "text/csv", "download-labels"
        )
        if st.button("Compare with them", icon=":material/leaderboard:", key="label-compare"):
            rows = job.table().take(table.index.to_numpy())
            st.session_state.labelled = Labelled(
                job.name, to_csv(rows), table.to_csv(index=False).encode()
            )
            st.switch_page("pages/compare.py", query_params={"view": "Your own data"})


def label(job: Job, index: int, emotion: str) -> None:
    """Keep what a face shows."""
    labels_of(job)[index] = emotion


def skip(job: Job, index: int) -> None:
    """Put a face behind all others."""
    skipped = skipped_of(job)
    skipped.pop(index, None)
    skipped[index] = None


def undo(job: Job) -> None:
    """Take the latest label back, if there is one: a second press may come late."""
    if labels := labels_of(job):
        labels.popitem()
