"""The comparison page's view of what accuracy costs, and how long the models take here."""

import threading
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from app.compare.images import numbers, show
from app.compare.models import without_place
from app.figures.comparison import cost_against_accuracy
from fer.artifacts import Artifact
from fer.artifacts.timing import TURNS, Timing, time_in_turn
from fer.compare.metrics import pareto_front
from fer.errors import FerError

HERE = "ms a face here"
AXES = {
    "multiply-adds": "multiply-adds a face",
    "parameters": "parameters",
    "MB": "megabytes of weights",
    "ms a face": "milliseconds a face, as published",
    HERE: "milliseconds a face on this machine",
    "training minutes": "minutes of training",
}


def cost(table: pd.DataFrame, found: Mapping[str, Artifact], colours: Mapping[str, str]) -> None:
    """Show what accuracy costs, for all models, with those that none beats."""
    timed: dict[str, Timing] = st.session_state.get("timed", {})
    here = [timed[name].milliseconds if name in timed else None for name in table["model"]]
    table = table.assign(here=pd.Series(here, dtype=float)).rename(columns={"here": HERE})
    kinds = [kind for kind in AXES if table[kind].notna().any()]
    if kinds:
        show_cost(table, kinds, colours)
    show_times(found, timed)


def show_cost(table: pd.DataFrame, kinds: list[str], colours: Mapping[str, str]) -> None:
    """Show accuracy against one of the costs that were measured."""
    kind = st.segmented_control(
        "Cost", kinds, default=kinds[0], required=True, key="cost", bind="query-params"
    )
    known = with_front(table, kind)
    show(cost_against_accuracy(known, kind, AXES[kind], colours), known,
         f"cost-{kind.replace(' ', '-')}", f"Test accuracy against {AXES[kind]}")  # fmt: skip
    st.caption(
        "All models, not only the chosen ones, numbered by accuracy; filled are those that none is "
        "both cheaper and better than. Error bars are 95% intervals. Multiply-adds are how much "
        "there is to compute for one face, on any machine."
    )


def with_front(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the models of which a cost is known, with its column and whether none beats them."""
    known = table[table[kind].notna()].reset_index(drop=True)
    known["front"] = pareto_front(known[kind].tolist(), known["accuracy"].tolist())
    return known[["model", kind, "accuracy", "low", "high", "front"]]


def show_times(found: Mapping[str, Artifact], timed: Mapping[str, Timing]) -> None:
    """Show how long a face takes: as published, and here, as often as the visitor wants."""
    st.header("How long a face takes")
    published = {
        name: timing
        for name, artifact in found.items()
        if (timing := Timing.published(artifact)) is not None
    }
    for machine in dict.fromkeys(timing.machine for timing in published.values()):
        names = [name for name, timing in published.items() if timing.machine == machine]
        st.caption(f"Published for {', '.join(names)}: on {machine}.")
    if not published:
        st.caption("No times are published with these models.")
    if published or timed:
        lines = []
        for name in found:
            there, here = published.get(name), timed.get(name)
            lines.append(
                {
                    "model": name,
                    "published": there and there.milliseconds,
                    "published, slowest turn": there and there.slowest,
                    "here": here and here.milliseconds,
                    "here, slowest turn": here and here.slowest,
                }
            )
        times = pd.DataFrame(lines).set_index("model").astype(float).reset_index()
        milliseconds = st.column_config.NumberColumn(format="%.1f ms")
        st.dataframe(
            times,
            hide_index=True,
            placeholder="–",
            column_config=dict.fromkeys(times.columns[1:], milliseconds),
            alt="Milliseconds a face of each model, published and measured here",
        )
        numbers(times, "times")
    if busy := [timing for timing in timed.values() if timing.busy]:
        st.warning(
            f"Other work kept {busy[0].load:.0%} of this machine's processors busy: these times "
            "are too long, by how much is not known. Time again when it rests.",
            icon=":material/hourglass_top:",
        )
    if st.button("Time them on this machine", icon=":material/timer:", key="time"):
        measure_times(found)
    st.caption(
        f"One face at a time, finding it not included: {TURNS} turns in which each model comes "
        "once, the fastest turn counts. The times are yours alone and go with the page."
    )


@st.cache_resource
def _one_at_a_time() -> threading.Lock:
    """Return what keeps two visitors from timing at once, which would slow both."""
    return threading.Lock()


def measure_times(found: Mapping[str, Artifact]) -> None:
    """Time the models whose weights are here, for this visitor."""
    lock = _one_at_a_time()
    if not lock.acquire(blocking=False):
        st.info("Another visitor is timing the models: try again in a minute.")
        return
    try:
        bar = st.progress(0.0, "Loading weights …")
        st.session_state.timed = time_in_turn(
            [artifact for artifact in found.values() if artifact.has_weights],
            lambda done, name: bar.progress(done, f"Timing {name} …"),
        )
    except FerError as error:
        st.error(without_place(error), icon=":material/timer_off:")
        return
    finally:
        lock.release()
    st.rerun()
