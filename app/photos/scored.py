"""The album's photos scored, with what is done so far kept if the visitor goes elsewhere."""

from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

import streamlit as st
import torch

from app.photos.album import Album, Found, Result, cut_again, examine
from app.server.memory import release_memory
from app.shared import load_recognizer
from fer.faces.preprocessing import Crops
from fer.recognizer import Recognizer
from fer.scoring.local import classify, cores, torch_threads_restored

EXAMPLE = Path(__file__).with_name("examples") / "astronaut.jpg"


def visitors_album() -> Album:
    """Return the photos of this session; they go with it, or when they are cleared."""
    return st.session_state.setdefault("album", Album())


def look(album: Album, model: str) -> None:
    """Look for faces in the photos where that was not done, and say how far it is.

    What says so is left where it stands, for the page to take away.

    What is found is in the album at once: a visitor who stops it, from here or by the browser's
    means, sees what is done and can go on.
    """
    pending = album.pending
    if not pending or st.session_state.get("looking_stopped"):
        return
    recognizer = load_recognizer(model)
    bar = st.progress(0.0, "Looking for faces …")
    st.button("Stop here", icon=":material/stop_circle:", key="stop", on_click=stop)
    with (
        torch_threads_restored,
        ThreadPoolExecutor(cores(), "photos", torch.set_num_threads, (1,)) as pool,
    ):
        futures: dict[Future[Result], str] = {
            pool.submit(examine, recognizer, album.data[digest]): digest for digest in pending
        }
        try:
            done = 0
            for future in as_completed(futures):
                digest = futures[future]
                album.results[digest] = future.result()
                done += pending[digest]
                of = f"{done} of {pending.total()} photos"
                bar.progress(done / pending.total(), f"Looking for faces: {of}")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    release_memory()


def stop() -> None:
    """Look no further until the visitor says so."""
    st.session_state.looking_stopped = True


def go_on() -> None:
    """Look further."""
    st.session_state.looking_stopped = False


def answer(album: Album, model: str) -> None:
    """Classify the faces that were found and that the model has not answered yet."""
    missing = {
        shot.digest: found
        for shot in album.shots
        if isinstance(found := album.results.get(shot.digest), Found)
        and (model, shot.digest) not in album.answers
    }
    if not missing:
        return
    recognizer = load_recognizer(model)
    framing = recognizer.config.preprocessing.framing
    unfit = {digest: found for digest, found in missing.items() if not found.fits(recognizer)}
    with st.spinner("Asking the model …"):
        for digest, found in unfit.items():
            cut_again(recognizer, album.data[digest], found)
        cuts = [found.cuts[framing] for found in missing.values()]
        shares = iter(
            classify(recognizer, [asked(recognizer, crops) for _, crops in cuts]).tolist()
        )
        for digest, (places, _) in zip(missing, cuts, strict=True):
            album.answers[model, digest] = [
                recognizer.face(place, next(shares)) for place in places
            ]


def asked(recognizer: Recognizer, crops: Crops) -> Crops:
    """Return crops at the sizes that a model wants, of those that were cut for several."""
    return Crops({side: crops.by_size[side] for side in sorted(recognizer.crop_sizes)})
