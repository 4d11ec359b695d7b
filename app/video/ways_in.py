"""How a video comes to be scored."""

import streamlit as st

from app.server.videos import Videos, VideoWork
from app.shared import forget_uploads, load_recognizer, pick_model
from fer.errors import FerError
from fer.video.reading import EXTENSIONS, Every
from fer.wording import duration

PACES = {"0.1s": "10 a second", "0.2s": "5 a second", "0.5s": "2 a second", "1s": "1 a second"}


@st.cache_resource
def videos() -> Videos:
    """Return the videos of all visitors, each found by its own id only."""
    return Videos()


def show_way_in() -> VideoWork | None:
    """Show what is asked of a video, and return the work that came of it."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        round_ = st.session_state.setdefault("video_round", 0)  # a new one empties the uploader
        file = st.file_uploader(
            "Video", type=list(EXTENSIONS), key=f"video-{round_}", help="Read in memory only."
        )
        st.caption(
            "Scoring goes on in the background, also when this page is closed. The video and what "
            f"came of it stay in the server's memory for {duration(videos().kept_seconds)} at "
            "most, under an address that only you see. Nothing is written to disk."
        )
    with right:
        model = pick_model()
        every = st.select_slider(
            "Frames looked at",
            list(PACES),
            value="0.2s",
            format_func=lambda every: PACES[every],
            key="every",
        )
        smoothing = st.toggle(
            "Smooth over time",
            value=True,
            key="smoothing",
            help="Averages each person's answers over half a second, so that names do not flicker. "
            "The table has them as they are, too.",
        )
        annotated = st.toggle("Draw the boxes into the video", value=True, key="annotated")
    with left:
        if not st.button("Score", type="primary", disabled=file is None, key="go") or not file:
            return None
        try:
            work = videos().start(
                file.name,
                file.getvalue(),
                load_recognizer(model),
                Every.parse(every),
                smoothing=smoothing,
                annotated=annotated,
            )
        except FerError as error:
            st.error(str(error), icon=":material/error:")
            return None
    forget_uploads()
    st.session_state.video_round += 1
    return work
