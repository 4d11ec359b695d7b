"""A video in, the timeline of each person out, scored in the background."""

import streamlit as st

from app.routing import by_way_of_the_router
from app.video.views import leave, show_work
from app.video.ways_in import show_way_in, videos

by_way_of_the_router()
st.title("A video becomes a timeline")
asked = st.query_params.get("video") or st.session_state.get("video")
work = videos().find(asked) if asked else None
if asked and not work:
    st.warning(
        "The result under this address is no longer kept: score the video again.",
        icon=":material/history:",
    )
    leave()

if not work and (work := show_way_in()):
    st.session_state.video = st.query_params["video"] = work.id
    st.rerun()
if work:
    st.session_state.video = st.query_params["video"] = work.id
    show_work(work)
