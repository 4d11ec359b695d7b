"""The models side by side: which to trust, for what, whether that is chance, what it costs.

Everything shown is read from the models' folders; weights are loaded only to time them.
"""

import streamlit as st

from app.compare.board import pick_models, show_answers, show_leaderboard, show_references
from app.compare.head_to_head import head_to_head
from app.compare.images import numbers
from app.compare.models import leaderboard, measure_times, read_all, read_histories
from app.compare.own_data import own_data
from app.compare.views import calibration, confusion, cost, learning, per_class
from app.figures.comparison import model_colours
from app.routing import by_way_of_the_router
from fer.compare.metrics import Answers

VIEWS = (
    "Confusion", "Per emotion", "Calibration", "Cost", "Learning curves", "Head to head",
    "Your own data",
)  # fmt: skip

by_way_of_the_router()
st.title("Which model to trust, and for what")
found, reasons = read_all()
for name, reason in reasons.items():
    st.warning(f"**{name}** is left out. {reason}", icon=":material/broken_image:")
histories, remarks = read_histories(found)
for name, remark in remarks.items():
    st.warning(f"**{name}** is shown in part. {remark}", icon=":material/broken_image:")
if not found:
    st.info("There is no model to compare yet: `python -m training train cnn --data DIR`.")
    st.stop()
models = {
    name: Answers(name, artifact.predictions, artifact.config.temperature)
    for name, artifact in found.items()
}
colours = model_colours(list(models))
table = leaderboard(found, models)
ranked = table["model"].tolist()

show_answers(table, models)

st.subheader("Leaderboard")
board = st.container()
chosen_names = st.pills(
    "Compare",
    ranked,
    selection_mode="multi",
    default=ranked[:2],
    key="models",
    bind="query-params",
    on_change=pick_models,
    args=(ranked,),
    help="The same as the rows selected in the table.",
)
with board:
    show_leaderboard(table)
with st.container(horizontal=True):
    if st.button("Time them on this machine", icon=":material/timer:", key="time"):
        measure_times(found)
        st.rerun()
    numbers(table, "leaderboard")
show_references()

chosen = [models[name] for name in ranked if name in (chosen_names or [])]
if not chosen:
    st.info("Choose a model above.", icon=":material/touch_app:")
    st.stop()
view = st.segmented_control(
    "View",
    VIEWS,
    default=VIEWS[0],
    required=True,
    key="view",
    bind="query-params",
    label_visibility="collapsed",
)
artifacts = [found[answers.name] for answers in chosen]
if view == "Confusion":
    confusion(chosen)
elif view == "Per emotion":
    per_class(chosen, colours, artifacts)
elif view == "Calibration":
    calibration(chosen, colours)
elif view == "Cost":
    cost(table, colours)
elif view == "Learning curves":
    learning(artifacts, histories, colours)
elif view == "Head to head":
    head_to_head(list(models.values()), [answers.name for answers in chosen], colours)
else:
    own_data()
