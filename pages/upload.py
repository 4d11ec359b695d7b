"""Photos in, every face boxed, named and shown with all seven probabilities."""

import hashlib
import json

import streamlit as st

from app.photos.scored import EXAMPLE, Scored, score
from app.photos.views import show_photo
from app.routing import by_way_of_the_router
from app.server.memory import give_back
from app.shared import pick_model, show_rows
from fer.errors import FerError, UnreadableImage
from fer.faces.images import EXTENSIONS
from fer.scoring.csv_output import HEADER, csv_lines
from fer.scoring.rows import error_row, photo_rows, to_frame

by_way_of_the_router()
st.title("What do these faces show?")
upload, options = st.columns([3, 2], gap="medium")
with upload:
    files = st.file_uploader(
        "Photos",
        type=list(EXTENSIONS),
        accept_multiple_files=True,
        max_upload_size=50,
        key="files",
        help="Several at once. They are read in memory and never written to disk.",
    )
with options:
    model = pick_model()
    explain = st.toggle(
        "Show where the model looked",
        key="explain",
        help="Colours each face where its pixels spoke for the emotion named (HiResCAM).",
    )
    camera_on = st.toggle("Take one with the camera", key="camera_on")
    if st.button("Try an example", icon=":material/image:", key="example_button"):
        st.session_state.example = True
shot = st.camera_input("Camera", key="camera") if camera_on else None

named = [(file.name, file.getvalue()) for file in files]
if shot:
    named.append(("camera.jpg", shot.getvalue()))
if named:
    st.session_state.example = False
elif st.session_state.get("example"):
    named = [(EXAMPLE.name, EXAMPLE.read_bytes())]
if not named:
    st.info("Drop in photos, take one, or try the example.", icon=":material/add_a_photo:")
    st.session_state.pop("scored", None)
    st.stop()

# What this visitor's photos gave, kept in their own session only, and no longer than they are
# shown; the same photo is scored once for a model however often the page runs.
keys = [hashlib.sha256(data).hexdigest() for _, data in named]
known = st.session_state.get("scored", {}).get(model, {})
missing = {key: data for key, (_, data) in zip(keys, named, strict=True) if key not in known}
new: dict[str, Scored | UnreadableImage] = {}
if missing:
    try:
        new = score(missing, model)
    except FerError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()
    give_back()
scored = {key: new.get(key) or known[key] for key in keys}
st.session_state.scored = {model: scored}

rows = []
for index, ((name, _), key) in enumerate(zip(named, keys, strict=True)):
    result = scored[key]
    if isinstance(result, UnreadableImage):
        rows.append(error_row(name, result, model))
    else:
        rows += photo_rows(name, result.size, result.faces, model)
    with st.container(border=True):
        st.text(name)
        if isinstance(result, UnreadableImage):
            st.error(str(result), icon=":material/broken_image:")
            continue
        show_photo(result, model, explain, key=str(index))

table = to_frame(rows)
st.subheader("All faces")
show_rows(
    table.dropna(axis="columns", how="all"),
    "One row a face, and one for every photo without a face or that cannot be read",
)
st.caption(
    "The downloads add boxes in pixels of the upright photo; there a photo's faces count from 0, "
    "as in the batch scorer's tables."
)
csv, json_ = st.columns(2)
csv.download_button(
    "Download CSV",
    HEADER + csv_lines(rows),
    "emotions.csv",
    "text/csv",
    icon=":material/download:",
    on_click="ignore",
    width="stretch",
)
json_.download_button(
    "Download JSON",
    json.dumps(json.loads(table.to_json(orient="records")), indent=2),
    "emotions.json",
    "application/json",
    icon=":material/download:",
    on_click="ignore",
    width="stretch",
)
