"""The visitor's camera: boxes and names over the moving picture, answered as fast as it goes."""

import streamlit as st

from app.live.views import live_recognizer, show_camera
from app.routing import by_way_of_the_router
from app.shared import pick_model
from fer.errors import FerError

by_way_of_the_router()
st.title("What does your face show right now?")
st.markdown(
    "Small pictures of your camera go to this server one at a time, are looked at, and are "
    "dropped: nothing is stored, and nobody else sees them. The last minute is drawn by your own "
    "browser. Everyone who comes into view has to know of it. The camera opens once you press the "
    "button and your browser has asked you as well."
)
model = pick_model()
try:
    recognizer = live_recognizer(model)
except FerError as error:
    st.error(str(error), icon=":material/error:")
    st.stop()
show_camera(recognizer)
