"""Rows of a scored table chosen by what they say."""

from collections.abc import Collection

import pandas as pd

ORDERS = ("as the photos come", "surest first", "least sure first")


def select(
    table: pd.DataFrame,
    statuses: Collection[str] = (),
    emotions: Collection[str] = (),
    confidence: tuple[float, float] = (0.0, 1.0),
) -> pd.DataFrame:
    """Return the rows that fit, with their index; what is left empty does not narrow.

    Args:
        table: with the columns of `fer.scoring.rows`.
        statuses: any of these.
        emotions: any of these; rows without a face do not fit.
        confidence: least and greatest, both included; rows without a face fit only if it is
            left wide open.
    """
    fits = pd.Series(True, index=table.index)
    if statuses:
        fits &= table["status"].isin(list(statuses))
    if emotions:
        fits &= table["emotion"].isin(list(emotions))
    if confidence != (0.0, 1.0):
        fits &= table["confidence"].between(*confidence)
    return table[fits]


def ordered(table: pd.DataFrame, order: str) -> pd.DataFrame:
    """Return the rows in one of `ORDERS`; equal ones stay as they come."""
    if order == ORDERS[0]:
        return table
    return table.sort_values("confidence", ascending=order == ORDERS[2], kind="stable")
