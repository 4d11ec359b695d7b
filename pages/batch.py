"""A whole folder or a zip in, one table of all faces out, scored in the background."""

import streamlit as st

from app.batch.views import PAGE, show_job
from app.batch.ways_in import show_ways_in
from app.routing import by_way_of_the_router

by_way_of_the_router()
st.title("Score a whole folder")
job = PAGE.find()
if not job and (job := show_ways_in()):
    PAGE.remember(job)
    st.rerun()
if job:
    PAGE.remember(job)
    show_job(job)
