"""Every address is served by way of `streamlit_app.py`, whichever is opened first."""

import runpy
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

ROUTER = Path(__file__).resolve().parents[1] / "streamlit_app.py"


def by_way_of_the_router() -> None:
    """Run `streamlit_app.py` instead if Streamlit runs this page's file by itself.

    Until `st.navigation` is first called in a server's life, Streamlit takes a folder named
    `pages` for an app of its old kind, in which an address leads to the page's file alone: a
    link to this page, opened first after a start, would show it without the app around it.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        runpy.run_path(str(ROUTER))
        st.stop()
