"""Rows of a scored table chosen and sorted by what they say, and the widgets to do it with."""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from fer.emotions import EMOTIONS
from fer.scoring.rows import STATUSES

ORDERS = ("as the photos come", "surest first", "least sure first")
CERTAIN = {"certain": True, "unsure": False}
"""What the column `certain` is called, by its value."""


@dataclass(frozen=True)
class Choice:
    """What rows are asked for; what is left empty does not narrow."""

    statuses: Collection[str] = ()
    """Any of these."""
    emotions: Collection[str] = ()
    """Any of these; rows without a face do not fit."""
    confidence: tuple[float, float] = (0.0, 1.0)
    """Least and greatest, both included; rows without a face fit only if it is wide open."""
    certain: bool | None = None
    """Certain answers or the others only; rows without a face do not fit either."""

    def __bool__(self) -> bool:
        """Say whether anything narrows."""
        return self != Choice()


def select(table: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """Return the rows that fit, with their index.

    Args:
        table: with the columns of `fer.scoring.rows`.
        choice: what is asked for.
    """
    fits = pd.Series(True, index=table.index)
    if choice.statuses:
        fits &= table["status"].isin(list(choice.statuses))
    if choice.emotions:
        fits &= table["emotion"].isin(list(choice.emotions))
    if choice.confidence != (0.0, 1.0):
        fits &= table["confidence"].between(*choice.confidence)
    if choice.certain is not None:
        fits &= (table["certain"] == choice.certain).fillna(False).astype(bool)
    return table[fits]


def ordered(table: pd.DataFrame, order: str) -> pd.DataFrame:
    """Return the rows in one of `ORDERS`; equal ones stay as they come."""
    if order == ORDERS[0]:
        return table
    return table.sort_values("confidence", ascending=order == ORDERS[2], kind="stable")


def status_name(status: str) -> str:
    """Return a status as the pages write it: in the tables' own words."""
    return status.replace("_", " ")


def ask_choice() -> Choice:
    """Show the filters and return what is asked for."""
    left, right = st.columns(2, gap="medium")
    statuses = left.pills(
        "Status",
        list(STATUSES),
        format_func=status_name,
        selection_mode="multi",
        wrap=True,
        key="status",
        help=" · ".join(f"{status_name(name)}: {what}" for name, what in STATUSES.items()),
    )
    certain = left.pills(
        "Answer",
        list(CERTAIN),
        wrap=True,
        key="certain",
        help="An answer is certain where, by its probability, nine of ten are right.",
    )
    emotions = right.pills("Emotion", EMOTIONS, selection_mode="multi", wrap=True, key="emotion")
    low, high = right.slider("Confidence", 0, 100, (0, 100), format="%d%%", key="confidence")
    return Choice(
        tuple(statuses), tuple(emotions), (low / 100, high / 100), CERTAIN.get(certain or "")
    )
