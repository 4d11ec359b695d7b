"""A whole folder or a zip in, one table of all faces out, scored in the background."""

import streamlit as st

from app.batch.views import leave, show_job
from app.batch.ways_in import jobs, let_go, show_ways_in
from app.routing import by_way_of_the_router

by_way_of_the_router()
st.title("Score a whole folder")
asked = st.query_params.get("batch") or st.session_state.get("batch")
job = jobs().find(asked) if asked else None
if asked and not job:
    st.warning(
        "The result under this address is no longer kept: score the photos again.",
        icon=":material/history:",
    )
    leave()

if not job and (job := show_ways_in()):
    let_go()
    st.session_state.batch = st.query_params["batch"] = job.id
    st.rerun()
if job:
    st.session_state.batch = st.query_params["batch"] = job.id
    show_job(job)
