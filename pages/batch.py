"""A whole folder or a zip in, one table of all faces out, scored in the background."""

from collections.abc import Callable
from pathlib import PurePosixPath

import pandas as pd
import pyarrow as pa
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fer.emotions import COLOURS, EMOTIONS
from fer.errors import FerError
from fer.figures_batch import emotion_counts
from fer.images import EXTENSIONS
from fer.scoring.archive import unzip
from fer.scoring.batch import MEGABYTE, ON_DISK, SENT, Batch, uploaded
from fer.scoring.jobs import Job, Jobs, to_csv, to_pandas, to_parquet
from fer.scoring.roots import find_folder, readable_root, server_folder
from fer.scoring.select import ORDERS, ordered, select
from fer.wording import duration, percent
from pages.common import load_recognizer, pick_model
from pages.routing import by_way_of_the_router

WAYS = {
    "photos": ":material/photo_library: Photos",
    "folder": ":material/folder: Folder",
    "zip": ":material/folder_zip: Zip",
    "server": ":material/dns: Folder on the server",
}
STATUSES = {
    "ok": "face found",
    "whole_image": "scored whole",
    "no_face": "no face",
    "error": "unreadable",
}
LIVE_ROWS = 50  # newest rows shown while a batch is being scored
TABLE_ROWS = 5_000  # rows of a result sent to the browser; the downloads have all
GALLERY = 48  # faces on a page of the gallery


@st.cache_resource
def jobs() -> Jobs:
    """Return the jobs of all visitors, each found by its own id only."""
    return Jobs()


def take_in(way: str) -> Batch | None:
    """Show one way in, and return what came by it once the visitor says go."""
    round_ = st.session_state.setdefault("batch_round", 0)  # a new one empties the uploader
    if way == "server":
        return take_from_server()
    if way == "zip":
        file = st.file_uploader(
            "Zip archive",
            type="zip",
            key=f"zip-{round_}",
            help=f"At most {SENT.files:,} files, of {SENT.file_bytes // MEGABYTE} MB each and "
            f"{SENT.total_bytes // MEGABYTE:,} MB together once unpacked, in memory only.",
        )
        if not st.button("Score", type="primary", disabled=file is None, key="go") or not file:
            return None
        return unzip(file.name, file.getvalue(), SENT)
    files = st.file_uploader(
        "Photos" if way == "photos" else "Folder",
        type=list(EXTENSIONS),
        accept_multiple_files=True if way == "photos" else "directory",
        max_upload_size=SENT.file_bytes // MEGABYTE,
        key=f"{way}-{round_}",
        help=f"At most {SENT.files:,} at once; a zip of many arrives faster. Other files of a "
        "folder stay where they are.",
    )
    label = f"Score {len(files):,} photo{'s' * (len(files) != 1)}" if files else "Score"
    if not st.button(label, type="primary", disabled=not files, key="go") or not files:
        return None
    top = PurePosixPath(files[0].name).parts[0] if way == "folder" else f"{len(files)} photos"
    return uploaded(top, [(file.name, file.getvalue()) for file in files], SENT)


def take_from_server() -> Batch | None:
    """Let the visitor name a folder of the server, inside what may be read."""
    root = readable_root(st.get_option("server.address"), st.context.headers)
    if root is None:
        return None
    anywhere = root == root.parent
    with st.form("server", border=False):
        name = st.text_input(
            "Folder on the server",
            placeholder="/home/me/photos" if anywhere else str(root),
            help="The photos in it, deep. They are read where they lie, one after the other."
            + ("" if anywhere else f" Only what lies in {root} can be read."),
        )
        go = st.form_submit_button("Score", type="primary")
    if not go:
        return None
    with st.spinner("Listing the folder …"):
        return server_folder(find_folder(name, root), root, ON_DISK)


def let_go() -> None:
    """Drop the session's hold on uploads; the batch has their bytes, and only while it needs them.

    Streamlit keeps an upload until its tab closes, even when the widget is long gone.
    """
    context = get_script_run_ctx()
    assert context is not None, "pages run in a session"
    context.uploaded_file_mgr.remove_session_files(context.session_id)
    st.session_state.batch_round += 1


def leave() -> None:
    """Go back to the ways in; the result stays under its address for a while."""
    st.session_state.pop("batch", None)
    st.query_params.pop("batch", None)


def forget(job: Job) -> None:
    """Drop a result now, for everyone who has its address."""
    jobs().forget(job.id)
    leave()


def downloads(label: str, name: str, table: Callable[[], pa.Table]) -> None:
    """Show the two download buttons; what they send is made when they are pressed.

    Args:
        label: what is sent, after "CSV: ".
        name: of the file, without its ending.
        table: makes the rows to send.
    """
    kinds = (
        ("CSV", "csv", "text/csv", lambda: to_csv(table())),
        ("Parquet", "parquet", "application/vnd.apache.parquet", lambda: to_parquet(table())),
    )
    for kind, ending, mime, make in kinds:
        st.download_button(
            f"{kind}: {label}",
            make,
            f"{name}.{ending}",
            mime,
            icon=":material/download:",
            on_click="ignore",
            key=f"download-{kind}",
        )


def show_table(rows: pd.DataFrame, alt: str) -> None:
    """Show rows, without what is the same in all or of use to programs only."""
    shown = rows.drop(columns=["x1", "y1", "x2", "y2", "detection", "width", "height", "model"])
    shown["face"] += 1  # as on the photos page
    columns = {
        f"p_{emotion}": st.column_config.ProgressColumn(
            emotion, min_value=0, max_value=1, format="percent", color=colour
        )
        for emotion, colour in COLOURS.items()
    }
    columns["path"] = st.column_config.TextColumn("photo", pinned=True, width="medium")
    columns["confidence"] = st.column_config.NumberColumn(format="percent")
    st.dataframe(shown, hide_index=True, column_config=columns, placeholder="", alt=alt)


@st.fragment(run_every=1.0)
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
    newest = job.table()
    newest = newest.slice(max(0, len(newest) - LIVE_ROWS))
    show_table(to_pandas(newest).iloc[::-1], "The newest rows, one a face, as they are scored")


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
    statuses = table.drop_duplicates("path")["status"].value_counts()
    with left, st.grid(min_column_width=130):
        st.metric("Photos", f"{progress.done:,}")
        st.metric("Faces", f"{progress.faces:,}")
        st.metric("Photos without a face", f"{statuses.get('no_face', 0):,}")
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


def filters() -> tuple[list[str], list[str], tuple[float, float]]:
    """Show the filters and return the statuses, emotions and confidences asked for."""
    left, middle, right = st.columns([3, 4, 3], gap="medium")
    statuses = left.pills(
        "Status",
        list(STATUSES),
        format_func=lambda status: STATUSES[status],
        selection_mode="multi",
        wrap=True,
        key="status",
    )
    emotions = middle.pills("Emotion", EMOTIONS, selection_mode="multi", wrap=True, key="emotion")
    low, high = right.slider("Confidence", 0, 100, (0, 100), format="%d%%", key="confidence")
    return list(statuses), list(emotions), (low / 100, high / 100)


def show_gallery(job: Job, rows: pd.DataFrame) -> None:
    """Show the faces of rows, page by page."""
    faces = rows[rows["emotion"].notna()]
    kept = faces[faces.index.isin(list(job.crops))]
    if kept.empty:
        st.caption("No faces here.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = st.selectbox("Order", ORDERS, key="order", width=220)
        pages = -(-len(kept) // GALLERY)
        page = st.pagination(pages, key=f"page-{pages}") if pages > 1 else 1
    if len(kept) < len(faces):
        st.caption(
            f"Pictures of {len(kept):,} of these {len(faces):,} faces are kept: the first of each "
            "emotion."
        )
    part = ordered(kept, order).iloc[(page - 1) * GALLERY : page * GALLERY]
    with st.grid(min_column_width=110):
        for index, row in zip(part.index.tolist(), part.to_dict("records"), strict=True):
            said = f"{row['emotion']} {percent(row['confidence'])}"
            st.image(
                job.crops[index],
                caption=said,
                width="stretch",
                alt=f"Face {row['face'] + 1} of {row['path']}: {said}",
            )


def show_ways_in() -> Job | None:
    """Show the ways in, and return the job that came of one."""
    left, right = st.columns([3, 2], gap="medium")
    with right:
        model = pick_model()
        st.caption(
            "Scoring goes on in the background, also when this page is closed. The photos are let "
            "go once they are scored; the table and small pictures of the faces stay in the "
            f"server's memory for {duration(jobs().kept_seconds)} at most, under an address that "
            "only you see. Nothing is written to disk."
        )
    with left:
        offered = [
            way
            for way in WAYS
            if way != "server" or readable_root(st.get_option("server.address"), st.context.headers)
        ]
        way = st.segmented_control(
            "What to score",
            offered,
            default="photos",
            format_func=lambda way: WAYS[way],
            required=True,
            wrap=True,
            key="way",
        )
        try:
            if batch := take_in(way):
                return jobs().start(batch, load_recognizer(model), model)
        except FerError as error:
            st.error(str(error), icon=":material/error:")
    return None


def show_result(job: Job) -> None:
    """Show what came of a job that has ended."""
    packed = job.table()
    table = to_pandas(packed)
    show_summary(job, table)
    st.subheader("Faces and files")
    rows = select(table, *filters())
    label = f"{len(rows):,} rows" if len(rows) == len(table) else f"{len(rows):,} rows chosen"
    with st.container(horizontal=True):
        downloads(label, "emotions", lambda: packed.take(rows.index.to_numpy()))
    gallery, rest = st.tabs(["Faces", "Table"])
    with gallery:
        show_gallery(job, rows)
    with rest:
        if len(rows) > TABLE_ROWS:
            st.caption(f"The first {TABLE_ROWS:,} of {len(rows):,} rows; the downloads have all.")
        show_table(rows.head(TABLE_ROWS), "One row a face, and one for every other file")


def show_job(job: Job) -> None:
    """Show a job, at work or ended, under its name and what can be done with it."""
    running = job.running  # asked once: it may end at any moment
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(job.name, width="stretch")
        if running:
            # Not in the fragment: what a press sends is found by a name that each run makes anew,
            # and the fragment runs every second.
            downloads("what is done so far", "emotions-so-far", job.table)
            st.button(
                "Stopping …" if job.cancelling else "Cancel",
                icon=":material/stop_circle:",
                on_click=job.cancel,
                disabled=job.cancelling,
                key="cancel",
            )
        else:
            st.button("New batch", icon=":material/add:", on_click=leave, key="new")
            st.button(
                "Delete this result",
                icon=":material/delete:",
                on_click=forget,
                args=(job,),
                key="forget",
            )
    if running:
        watch(job)
    else:
        show_result(job)


by_way_of_the_router()
st.title("Score a whole folder")
asked = st.query_params.get("batch") or st.session_state.get("batch")
job = jobs().find(asked) if asked else None
if asked and not job:
    st.warning(
        "The result under this address is no longer kept: score the photos again.",
        icon=":material/history:",
    )
    leave()

if not job and (job := show_ways_in()):
    let_go()
    st.session_state.batch = st.query_params["batch"] = job.id
    st.rerun()
if job:
    st.session_state.batch = st.query_params["batch"] = job.id
    show_job(job)
