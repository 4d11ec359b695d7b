"""The button of a download, as all pages have it."""

from collections.abc import Callable
from typing import Any

import streamlit as st


def offer_download(
    label: str,
    data: str | bytes | Callable[[], str | bytes],
    name: str,
    mime: str,
    key: str,
    icon: str = ":material/download:",
    **look: Any,
) -> None:
    """Show the button that downloads a file; the page does not run again for it.

    Args:
        label: of the button.
        data: the file, or what makes it when the button is pressed.
        name: of the file.
        mime: its kind.
        key: the button's own.
        icon: its icon.
        look: what else `st.download_button` takes.
    """
    st.download_button(label, data, name, mime, key=key, icon=icon, on_click="ignore", **look)
