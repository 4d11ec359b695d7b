"""Photos in, every face boxed, named and shown with all seven probabilities."""

import streamlit as st

from app.photos.downloads import show_downloads
from app.photos.scored import answer, go_on, look, visitors_album
from app.photos.views import show_open, show_overview
from app.photos.ways_in import show_ways_in
from app.routing import by_way_of_the_router
from app.shared import pick_model, pick_second_model, show_rows
from fer.errors import FerError
from fer.scoring.rows import to_frame

by_way_of_the_router()
st.title("What do these faces show?")
album = visitors_album()
upload, options = st.columns([3, 2], gap="medium")
with upload:
    show_ways_in(album)
with options:
    model = pick_model()
    second = pick_second_model(model)
    st.toggle(
        "Show where the model looked",
        key="explain",
        persist_state="session",
        help="Beside an opened face: where its pixels spoke for the emotion named (HiResCAM).",
    )
if not album.shots:
    st.info("Drop in photos, take one, or try the example.", icon=":material/add_a_photo:")
    st.stop()

# What tells of waiting has a place of its own: what follows stays when that has gone.
waiting = st.empty()
try:
    with waiting.container():
        look(album, model)
    with waiting.container():
        for name in filter(None, (model, second)):
            answer(album, name)
    waiting.empty()
except FerError as error:
    st.error(str(error), icon=":material/error:")
    st.stop()
if left := album.pending:
    st.warning(
        f"Stopped: {left.total():,} of {len(album.shots):,} photos were not looked at yet.",
        icon=":material/stop_circle:",
    )
    st.button("Go on", icon=":material/play_arrow:", key="go_on", on_click=go_on)
seen = album.looked_at()
if not seen.shots:
    st.stop()

rows = [
    row | {"shot": number}
    for number, shot in enumerate(seen.shots)
    for row in seen.rows(shot, model)
]
table = to_frame(rows).assign(shot=[row["shot"] for row in rows])
show_downloads(seen, model, rows)
opened = seen.shots[0] if len(seen.shots) == 1 else st.session_state.get("opened")
if opened in seen.shots:
    show_open(seen, opened, model, second)
else:
    show_overview(seen, model, second, table)

with st.expander("All faces as a table"):
    show_rows(
        table.drop(columns="shot").dropna(axis="columns", how="all"),
        "One row a face, and one for every photo without a face or that cannot be read",
    )
