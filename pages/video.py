"""A video in, the timeline of each person out, scored in the background."""

import streamlit as st

from app.routing import by_way_of_the_router
from app.video.views import PAGE, show_work
from app.video.ways_in import show_way_in

by_way_of_the_router()
st.title("A video becomes a timeline")
work = PAGE.find()
if not work and (work := show_way_in()):
    PAGE.remember(work)
    st.rerun()
if work:
    PAGE.remember(work)
    show_work(work)
