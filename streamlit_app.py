"""The app's router: page config, navigation and what all pages share.

streamlit run streamlit_app.py
"""

from pathlib import Path

import streamlit as st
from starlette.formparsers import MultiPartParser

# An upload of a megabyte and more would go through a temporary file; 0 keeps all in memory, as
# the pages promise.
MultiPartParser.spool_max_size = 0

# A file of our own: a `:material/…:` icon here would be fetched from Google by every visitor.
ICON = Path(__file__).parent / "app" / "icon.svg"

st.set_page_config(page_title="Facial emotions", page_icon=ICON, layout="wide")

page = st.navigation(
    [
        st.Page(
            "pages/upload.py",
            title="Photos",
            icon=":material/add_a_photo:",
            default=True,
            help="Drop in photos: every face is boxed and named with one of seven emotions.",
        ),
        st.Page(
            "pages/compare.py",
            title="Compare",
            icon=":material/leaderboard:",
            help="The models side by side: which to trust, for what, and what it costs.",
        ),
        st.Page(
            "pages/batch.py",
            title="Batch",
            icon=":material/photo_library:",
            help="A whole folder or a zip in, one table of all faces out.",
        ),
    ],
    position="top",
)
with st.spinner("Starting: loading the networks' code …"):
    # The first visitor's run imports torch, which takes seconds; later runs find it there.
    import fer.recognizer  # noqa: F401

body = st.container()
# Before the page, which may stop early, and below it.
st.caption(
    "An expression is not a feeling: the models name what a face shows, learnt from labels that "
    "people agree on two thirds of the time. Photos stay in this server's memory and are let go "
    "after they are scored or the page is closed."
)
with body:
    page.run()
