"""The app with its pages' code packed on the way: for a server that has no proxy before it.

streamlit run serve.py

Streamlit packs what it sends but for the scripts and styles of its pages, which are most of a first
visit, and leaves those to a proxy. Here they are packed anew for each first visit.
"""

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

app = st.App("streamlit_app.py", middleware=[Middleware(GZipMiddleware, compresslevel=5)])
