"""The video page's views: a video at work, and what came of it."""

from functools import partial
from typing import cast

import pandas as pd
import streamlit as st

from app.downloads import offer_download
from app.figures.emotions import probability_bars
from app.figures.timelines import timeline
from app.server.jobs import to_csv, to_pandas, to_parquet
from app.server.videos import VideoWork
from app.shared import show_first, show_newest
from app.video.people import BRIEF, Person, changes, people, probabilities
from app.video.ways_in import videos
from app.work import WorkPage, while_kept
from fer.columns import Status
from fer.drawing import draw_labels
from fer.faces.tracks import PATIENCE
from fer.scoring.rows import Rows
from fer.video.annotated import labels_at
from fer.video.reading import Video, upright
from fer.video.timeline import answer
from fer.wording import duration, percent

SHOWN = 12  # people shown before the visitor asks for the rest
STILL_SIDE = 1280  # pixels of a frame on the page


@st.fragment(run_every=1.0)
@while_kept()
def watch(work: VideoWork) -> None:
    """Show a video at work, anew every second, and the whole page once it has ended."""
    if not work.running:
        st.rerun()
    progress = work.progress()
    doing = "Drawing the boxes" if work.drawing else "Scoring"
    place = f"{progress.reached:.1f} of {progress.total:.1f} s" if progress.total else "…"
    left = f" · {duration(progress.remaining)} left" if progress.remaining else ""
    st.progress(progress.share, f"{doing}: {place}{left}")
    with st.grid(min_column_width=140):
        st.metric("Frames", f"{progress.frames:,}")
        st.metric("Faces", f"{progress.faces:,}")
    show_newest(work.table())


def downloads(work: VideoWork) -> None:
    """Show the download buttons; what they send is made when they are pressed."""
    kinds = [
        ("CSV", "csv", "text/csv", lambda: to_csv(work.table())),
        ("Parquet", "parquet", "application/vnd.apache.parquet", lambda: to_parquet(work.table())),
    ]
    if work.result.annotated:
        kinds.append(("Video with boxes", "mp4", "video/mp4", lambda: work.result.annotated or b""))
    with st.container(horizontal=True):
        for label, ending, mime, make in kinds:
            offer_download(label, make, f"faces.{ending}", mime, f"download-{ending}")


def show_person(person: Person, work: VideoWork, end: float) -> None:
    """Show a person: picture, shares, and the timeline."""
    with st.container(border=True):
        left, right = st.columns([1, 4], vertical_alignment="center")
        main = max(person.shares, key=lambda emotion: person.shares[emotion])
        with left:
            if picture := work.result.portraits.get(person.track):
                st.image(picture, width=96, alt=f"Person {person.track}")
            st.markdown(f"**{person.track} · {main}** {percent(person.shares[main])}")
            st.caption(f"seen for {duration(person.seconds)}")
        with right:
            shares = probabilities(person.rows)
            st.plotly_chart(
                timeline(
                    person.rows["time"].tolist(),
                    shares,
                    end,
                    gap=PATIENCE + person.span,
                    at=st.session_state.get("moment"),
                ),
                key=f"timeline-{person.track}",
                on_select=partial(jump, f"timeline-{person.track}"),
                selection_mode="points",
                config={"displayModeBar": False},
                alt=f"Person {person.track} over time: "
                + ", ".join(f"{name} {percent(share)}" for name, share in person.shares.items()),
            )


def jump(chart: str) -> None:
    """Go to the moment of a timeline that was clicked on."""
    if points := st.session_state[chart].selection.points:
        st.session_state.moment = points[0]["x"]
        st.session_state.clicked = True


def show_moment(work: VideoWork, table: pd.DataFrame) -> None:
    """Show the frame of a moment; the slider chooses it, or a click on a timeline."""
    times = sorted(table["time"].unique())
    chosen = st.session_state.get("moment", times[0])
    st.session_state.moment = min(times, key=lambda time: abs(time - chosen))
    time = st.select_slider("Moment", times, format_func=lambda time: f"{time:.2f} s", key="moment")
    rows = table[(table["time"] == time) & table["track"].notna()]
    show_frame(work, rows, time)
    if st.session_state.pop("clicked", False):
        # The timeline stands far below the slider: what is asked for comes to where one looks.
        st.dialog(f"At {time:.2f} s", width="large")(show_frame)(work, rows, time, "-clicked")


def show_frame(work: VideoWork, rows: pd.DataFrame, time: float, suffix: str = "") -> None:
    """Show the frame at a time with its boxes, and what each face shows.

    Args:
        work: the video.
        rows: its faces. No more of the table, for a dialog keeps what it is given.
        time: in seconds, as the rows have it.
        suffix: of the keys, where a frame is shown twice.
    """
    with Video(work.result.data) as video:
        moment = video.frame_at(time)
    if moment is None:
        st.warning("This frame cannot be read again.", icon=":material/broken_image:")
        return
    photo = upright(moment, STILL_SIDE)
    scale = photo.image.width / photo.size[0]
    plain = rows.astype(object).where(rows.notna(), None)
    faces = cast(Rows, plain.to_dict("records"))
    labels = labels_at(time, faces)
    draw_labels(
        photo.image, [label._replace(box=label.box.scaled(scale, scale)) for label in labels]
    )
    left, right = st.columns([3, 2])
    left.image(photo.image, width="stretch", alt=f"The frame at {time:.2f} seconds")
    with right:
        for row, (_, shares) in zip(faces, probabilities(rows).iterrows(), strict=True):
            st.markdown(f"**{row['track']} · {answer(row)}**")
            st.plotly_chart(
                probability_bars(shares.tolist()), key=f"bars-{row['track']}{suffix}",
                config={"displayModeBar": False},
                alt=f"Probabilities of person {row['track']} at {time:.2f} seconds",
            )  # fmt: skip


def show_result(work: VideoWork) -> None:
    """Show what came of a video."""
    table = to_pandas(work.table())
    if work.failure:
        st.error(work.failure, icon=":material/error:")
    if work.problem:
        st.warning(work.problem, icon=":material/broken_image:")
    if work.cancelling:
        st.warning("Stopped early: what was done by then is below.", icon=":material/stop_circle:")
    scored = table[table["status"] != Status.ERROR]
    if scored.empty:
        return
    everyone = people(table)
    lasting = [person for person in everyone if person.seconds >= BRIEF] or everyone
    with st.grid(min_column_width=130):
        st.metric("Frames", f"{scored['frame'].nunique():,}")
        st.metric("Faces", f"{scored['track'].notna().sum():,}")
        st.metric("People", f"{len(lasting):,}")
    progress = work.progress()
    st.caption(f"Scored with {work.model} in {duration(progress.seconds)}.")
    downloads(work)
    st.header("A moment")
    show_moment(work, scored)
    st.header("People")
    if not everyone:
        st.info("No face was found in this video.", icon=":material/face_retouching_off:")
        return
    if len(lasting) < len(everyone):
        st.caption(
            f"{len(everyone) - len(lasting):,} more were seen for less than {duration(BRIEF)}, "
            "which are likelier faces in passing, or none; the table has them."
        )
    if len(lasting) > SHOWN and not st.toggle(f"Show all {len(lasting)} people", key="all-people"):
        lasting = lasting[:SHOWN]
    end = work.total or float(scored["time"].max())
    for person in lasting:
        show_person(person, work, end)
    moments, rows = st.tabs(["Moments of change", "Table"])
    with moments:
        changed = pd.concat([changes(person) for person in lasting]).sort_values("time")
        if changed.empty:
            st.caption("Nobody's expression changed.")
        else:
            st.dataframe(
                changed,
                hide_index=True,
                column_config={
                    "time": st.column_config.NumberColumn("seconds", format="%.2f"),
                    "track": "person",
                },
                alt="When whose expression changed, and from what to what",
            )
    with rows:
        show_first(table, "One row a face and moment")


PAGE = WorkPage("video", "video", videos, keys=("moment",))


def show_work(work: VideoWork) -> None:
    """Show a video, at work or done, under its name and what can be done with it."""
    PAGE.show(work, watch, show_result)
