"""What the pages of work in the background share: how it is found, headed, left and deleted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st

from app.server.background import Store, Work
from fer.errors import NoLongerKept

W = TypeVar("W", bound=Work[Any])


@contextmanager
def while_kept() -> Iterator[None]:
    """Draw what came of work; if that was dropped since, run the page anew, which says so."""
    try:
        yield
    except NoLongerKept:
        st.rerun()


@dataclass(frozen=True)
class WorkPage(Generic[W]):
    """A page that shows one piece of work, found by the id in its address."""

    name: str
    """What the work is of; its key in the address and in the session."""
    things: str
    """What is handed in to it, as in "score the photos again"."""
    store: Callable[[], Store[W]]
    """Returns where the work of all visitors is kept."""
    keys: tuple[str, ...] = ()
    """Of the session, which go when the work is left."""

    def find(self) -> W | None:
        """Return the work that the address or the session names, or say that it is gone."""
        asked = st.query_params.get(self.name) or st.session_state.get(self.name)
        work = self.store().find(asked) if asked else None
        if asked and not work:
            st.warning(
                f"The result under this address is no longer kept: score the {self.things} again.",
                icon=":material/history:",
            )
            self.leave()
        return work

    def remember(self, work: W) -> None:
        """Let the address and the session name the work."""
        st.session_state[self.name] = st.query_params[self.name] = work.id

    def leave(self) -> None:
        """Go back to the ways in; the result stays under its address for a while."""
        for key in (self.name, *self.keys):
            st.session_state.pop(key, None)
        st.query_params.pop(self.name, None)

    def forget(self, work: W) -> None:
        """Drop a result now, for everyone who has its address."""
        self.store().forget(work.id)
        self.leave()

    def show(
        self,
        work: W,
        watch: Callable[[W], None],
        result: Callable[[W], None],
        so_far: Callable[[W], None] = lambda work: None,
    ) -> None:
        """Show work, running or ended, under its name and what can be done with it.

        Args:
            work: what to show.
            watch: shows it at work.
            result: shows what came of it.
            so_far: shows the buttons beside the name while it runs.
        """
        running = work.running  # asked once: it may end at any moment
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(work.name, width="stretch")
            if running:
                # Not in the fragment: what a press sends is found by a name that each run makes
                # anew, and the fragment runs every second.
                so_far(work)
                st.button(
                    "Stopping …" if work.cancelling else "Cancel",
                    icon=":material/stop_circle:",
                    on_click=work.cancel,
                    disabled=work.cancelling,
                    key="cancel",
                )
            else:
                st.button(f"New {self.name}", icon=":material/add:", on_click=self.leave, key="new")
                st.button(
                    "Delete this result",
                    icon=":material/delete:",
                    on_click=ask_to_forget,
                    args=(lambda: self.forget(work),),
                    key="forget",
                )
        with while_kept():
            (watch if running else result)(work)


@st.dialog("Delete this result?")
def ask_to_forget(forget: Callable[[], None]) -> None:
    """Ask before a result is dropped.

    Args:
        forget: drops it.
    """
    st.write("All that came of it is gone then, for everyone who has its address.")
    with st.container(horizontal=True):
        if st.button(
            "Delete", type="primary", icon=":material/delete:", on_click=forget, key="forget-now"
        ):
            st.rerun()
        if st.button("Keep it", key="forget-not"):
            st.rerun()
