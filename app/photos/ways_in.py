"""How photos come into the album: dropped, chosen, pasted, taken, fetched, or the example."""

import streamlit as st
from streamlit.typing import UploadedFile

from app.photos.album import BYTES, FILES, Album
from app.photos.scored import EXAMPLE, go_on, visitors_album
from app.photos.views import open_shot
from app.server.addresses import LENGTH, addresses_allowed, fetch_picture
from app.server.memory import release_memory
from app.server.uploads import MEGABYTE, SENT
from app.shared import forget_uploads
from fer.errors import AddressRefused, TooMuch


def show_ways_in(album: Album) -> None:
    """Show the ways in; what comes by them is in the album when the page runs again."""
    # A new one empties the uploader and the camera.
    round_ = st.session_state.setdefault("photos_round", 0)
    st.file_uploader(
        "Photos",
        # Any file, so that one that is no photo gets a sentence on the page.
        accept_multiple_files=True,
        max_upload_size=SENT.file_bytes // MEGABYTE,
        key=f"files-{round_}",
        on_change=take,
        args=(f"files-{round_}",),
        help=f"Up to {FILES}, of {SENT.file_bytes // MEGABYTE} MB each and "
        f"{BYTES // MEGABYTE} MB together. They are read in memory and never written to disk.",
    )
    st.caption(
        f"Drop photos of up to {SENT.file_bytes // MEGABYTE} MB here, choose them, or paste a "
        "picture (Ctrl+V)."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Try an example", icon=":material/image:", key="example_button", on_click=take_example
        )
        camera_on = st.toggle("Take one with the camera", key="camera_on")
        if album.shots:
            st.button(
                "Clear all photos",
                icon=":material/delete_sweep:",
                key="clear",
                on_click=clear,
                help="Lets go of the photos and of what was found in them, at once.",
            )
    if camera_on:
        st.camera_input(
            "Camera", key=f"camera-{round_}", on_change=take_shot, args=(f"camera-{round_}",)
        )
    if addresses_allowed():
        show_address(f"address-{round_}")
    if refused := st.session_state.pop("refused", None):
        st.error(refused, icon=":material/error:")


def take(key: str) -> None:
    """Put what was handed in into the album, and empty the uploader.

    A press that breaks off the page's run hands in once more what was taken and let go already.
    """
    files = [file for file in st.session_state[key] if isinstance(file, UploadedFile)]
    if not files:
        return
    put([(file.name, file.getvalue()) for file in files])
    forget_uploads(files)
    st.session_state.photos_round += 1


def show_address(key: str) -> None:
    """Ask for a picture's web address, and put the picture into the album."""
    with st.form(f"{key}-form", border=False):
        address = st.text_input(
            "Web address of a picture",
            key=key,
            max_chars=LENGTH,
            placeholder="https://…",
            help="This server fetches it, and the site sees this server's address, not yours.",
        )
        asked = st.form_submit_button("Fetch", icon=":material/download:")
    if not asked or not address.strip():
        return
    try:
        with st.spinner("Fetching the picture …"):
            photo = fetch_picture(address)
    except AddressRefused as error:
        st.session_state.refused = str(error)
        return
    put([photo])
    st.session_state.photos_round += 1
    st.rerun()


def take_shot(key: str) -> None:
    """Put the camera's picture into the album, and let the camera go on."""
    shot = st.session_state[key]
    if not isinstance(shot, UploadedFile):
        return
    number = sum(other.name.startswith("camera-") for other in visitors_album().shots) + 1
    put([(f"camera-{number}.jpg", shot.getvalue())])
    forget_uploads([shot])
    st.session_state.photos_round += 1


def take_example() -> None:
    """Put the example into the album."""
    put([(EXAMPLE.name, EXAMPLE.read_bytes())])


def put(photos: list[tuple[str, bytes]]) -> None:
    """Put photos into the album; what is too much is said once the page is drawn."""
    album = visitors_album()
    try:
        for name, data in photos:
            album.add(name, data)
    except TooMuch as error:
        st.session_state.refused = str(error)
    go_on()
    open_shot(None)


def clear() -> None:
    """Let go of all photos, and of all that was kept of them."""
    for name in ("album", "thumbnails", "opened"):
        st.session_state.pop(name, None)
    release_memory()
