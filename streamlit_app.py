"""The app's router: page config, navigation and what all pages share.

streamlit run serve.py
"""

import sys
import time
from pathlib import Path

import streamlit as st
from starlette.formparsers import MultiPartParser

from app.notice import NOTICE

# An upload of a megabyte and more would go through a temporary file; 0 keeps all in memory, as
# the pages promise.
MultiPartParser.spool_max_size = 0

# A file of our own: a `:material/…:` icon here would be fetched from Google by every visitor.
ICON = Path(__file__).parent / "app" / "icon.svg"
STYLE = ICON.with_name("page.css")

st.set_page_config(page_title="Facial emotions", page_icon=ICON, layout="wide")

PRIVACY = (
    "Photos stay in this server's memory and are never written to its disk: those on the Photos "
    "page until they are cleared or the page is closed, those of a batch until they are scored, "
    "and small pictures of these as long as its table. A video stays as long as its timeline. The "
    "pictures of a live camera are dropped one by one, as they are answered."
)
# Seconds left to a browser to draw the page's frame before the networks' code is loaded, which
# holds up all else that the server does.
FIRST_PAINT = 0.5


def start() -> None:
    """Load the networks' code, once in a server's life, behind a page that is drawn already."""
    slot = st.empty()
    with slot.container():
        st.info("Starting: loading the networks' code …", icon=":material/hourglass_top:")
        st.skeleton(height=300)
        time.sleep(FIRST_PAINT)
        import fer.recognizer  # noqa: F401
    slot.empty()


PAGES = [
    st.Page(
        "pages/upload.py",
        title="Photos",
        icon=":material/add_a_photo:",
        default=True,
    ),
    st.Page("pages/compare.py", title="Compare", icon=":material/leaderboard:"),
    st.Page("pages/batch.py", title="Batch", icon=":material/photo_library:"),
    st.Page("pages/video.py", title="Video", icon=":material/movie:"),
    st.Page("pages/live.py", title="Live", icon=":material/videocam:"),
]
HELP = {
    "Photos": "Drop in photos: every face is boxed and named with one of seven emotions.",
    "Compare": "The models side by side: which to trust, for what, and what it costs.",
    "Batch": "A whole folder or a zip in, one table of all faces out.",
    "Video": "A video in, the timeline of each person out.",
    "Live": "Your camera, with what each face shows over the moving picture.",
}

st.html(STYLE)
page = st.navigation(PAGES, position="hidden")
# Streamlit's own bar hides behind a mark on a phone.
with st.container(horizontal=True, gap="xsmall", key="pages"):
    for item in PAGES:
        st.page_link(item, help=HELP[item.title])

body = st.container(key="body")
# Before the page, which may stop early, and below it.
with st.container(key="foot"):
    st.caption(f"{NOTICE}  \n{PRIVACY}")
if "torch" not in sys.modules:
    with body:
        start()
with body:
    page.run()
