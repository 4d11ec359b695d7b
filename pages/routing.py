"""What keeps a page from being run without the router."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


def through_the_router() -> None:
    """Start again through `streamlit_app.py` if this page was run without it.

    Streamlit runs a script of a folder called `pages` by itself, under a navigation of file
    names, when its address is the first that anyone asks a fresh server for. `st.navigation`
    ends that for good, but only once someone has opened the first page.
    """
    # Once a session: a rerun loses what was clicked, and AppTest runs every page that way.
    if PagesManager.uses_pages_directory and not st.session_state.get("routed"):
        st.session_state.routed = True
        PagesManager.uses_pages_directory = False  # all that st.navigation would do about it
        st.rerun()
