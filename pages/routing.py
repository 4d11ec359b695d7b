"""Every address is served by way of `streamlit_app.py`, whichever is opened first."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


def by_way_of_the_router() -> None:
    """Start over with `streamlit_app.py` if Streamlit runs this page's file by itself.

    Until `st.navigation` is first called in a server's life, Streamlit takes a folder named
    `pages` for an app of its old kind, in which an address leads to the page's file alone: a
    link to this page, opened first after a start, would show it without the app around it.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
