"""How photos come to be a batch: sent by the browser, in a zip, or on the server's disk."""

from pathlib import PurePosixPath

import streamlit as st

from app.server.archives import unzip
from app.server.folders import allowed_folder, find_folder, server_folder
from app.server.jobs import Job, Jobs
from app.server.uploads import MEGABYTE, ON_DISK, SENT, Batch, uploaded
from app.shared import forget_uploads, load_recognizer, pick_model
from fer.errors import FerError
from fer.faces.images import EXTENSIONS
from fer.wording import counted, duration

WAYS = {
    "photos": ":material/photo_library: Photos",
    "folder": ":material/folder: Folder",
    "zip": ":material/folder_zip: Zip",
    "server": ":material/dns: Folder on the server",
}


@st.cache_resource
def jobs() -> Jobs:
    """Return the jobs of all visitors, each found by its own id only."""
    return Jobs()


def show_ways_in() -> Job | None:
    """Show the ways in, and return the job that came of one."""
    left, right = st.columns([3, 2], gap="medium")
    with right:
        model = pick_model()
        st.caption(
            "Scoring goes on in the background, also when this page is closed. The table and small "
            f"pictures stay in the server's memory for {duration(jobs().kept_seconds)} at most, "
            "under an address that only you see."
        )
    with left:
        offered = [
            way
            for way in WAYS
            if way != "server"
            or allowed_folder(st.get_option("server.address"), st.context.headers)
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
                job = jobs().start(batch, load_recognizer(model))
                forget_uploads()
                st.session_state.batch_round += 1
                return job
        except FerError as error:
            st.error(str(error), icon=":material/error:")
    return None


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
    label = f"Score {counted(len(files), 'photo')}" if files else "Score"
    if not st.button(label, type="primary", disabled=not files, key="go") or not files:
        return None
    top = PurePosixPath(files[0].name).parts[0] if way == "folder" else counted(len(files), "photo")
    return uploaded(top, [(file.name, file.getvalue()) for file in files], SENT)


def take_from_server() -> Batch | None:
    """Let the visitor name a folder of the server, inside what may be read."""
    allowed = allowed_folder(st.get_option("server.address"), st.context.headers)
    if allowed is None:
        return None
    anywhere = allowed == allowed.parent
    with st.form("server", border=False):
        name = st.text_input(
            "Folder on the server",
            placeholder="/home/me/photos" if anywhere else str(allowed),
            help="The photos in it, deep. They are read where they lie, one after the other."
            + ("" if anywhere else f" Only what lies in {allowed} can be read."),
        )
        go = st.form_submit_button("Score", type="primary")
    if not go:
        return None
    with st.spinner("Listing the folder …"):
        return server_folder(find_folder(name, allowed), allowed, ON_DISK)
