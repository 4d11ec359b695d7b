"""The view of a visitor's own data by group: on which of the photos a model does worse.

Groups are what the visitor's table says; none is ever guessed from a face.
"""

import dataclasses

import pandas as pd
import streamlit as st

from app.compare.images import numbers
from app.compare.views import confusion
from fer.compare.groups import by_group
from fer.compare.metrics import Predictions
from fer.compare.own_labels import Labelled
from fer.compare.paired import CHANCE, p_text

AT_MOST = 30
"""A column with more values names photos, not groups of them."""


def by_groups(found: Labelled, place: str) -> None:
    """Show accuracy by group, whether a group differs by more than chance, and its confusion."""
    tables = [predictions.table for predictions in found.models]
    columns = [
        column
        for column in found.groups
        if 1 < len(set().union(*(table[column] for table in tables))) <= AT_MOST
    ]
    if not columns:
        st.info(
            "The table of labels names no groups: give it a further column, such as `light` with "
            f"`dim` and `bright`, of 2 to {AT_MOST} values.",
            icon=":material/group_work:",
        )
        return
    column = st.selectbox("Groups", columns, key=f"{place}groups", bind="query-params")
    results = []
    for predictions in found.models:
        right = predictions.predicted == predictions.labels
        results.append(
            by_group(predictions.table[column].tolist(), right).assign(model=predictions.name)
        )
        st.markdown(group_sentence(predictions.name, results[-1]))
    table = pd.concat(results, ignore_index=True)
    table = table[["model", *table.columns[:-1]]]
    percent = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        column_config=dict.fromkeys(("accuracy", "low", "high"), percent)
        | dict.fromkeys(("p", "p_corrected"), st.column_config.NumberColumn(format="%.3g")),
        alt="Each model's accuracy in each group, with its interval and test",
        key=f"{place}group-table",
    )
    numbers(table, f"{place}groups")
    st.caption(
        "low and high: 95% interval. p: Fisher's exact test of the group against all other faces; "
        "p_corrected: by Holm's method for how many groups were looked at. Groups are yours: none "
        "is guessed from a face. A difference may lie in the photos, not in who is on them."
    )
    group = st.selectbox(
        "Confusion of the group", table["group"].drop_duplicates().tolist(), key=f"{place}group"
    )
    inside = [within(predictions, column, group) for predictions in found.models]
    confusion([predictions for predictions in inside if len(predictions.table)], f"{place}group-")


def within(predictions: Predictions, column: str, group: str) -> Predictions:
    """Return the predictions for one group's faces."""
    table = predictions.table[predictions.table[column] == group].reset_index(drop=True)
    return dataclasses.replace(predictions, table=table)


def group_sentence(model: str, table: pd.DataFrame) -> str:
    """Say which group a model does worst on, if that is more than chance."""
    worst = table.iloc[0]
    rest = table.iloc[1:]
    if not len(rest):
        return f"**{model}** has faces of one group alone."
    elsewhere = rest["right"].sum() / rest["faces"].sum()
    said = (
        f"**{model}** is right least often on **{worst['group']}**: {worst['accuracy']:.0%} of "
        f"{worst['faces']:,} faces, {elsewhere:.0%} elsewhere"
    )
    p_value = worst["p_corrected"]
    verdict = "could be chance" if p_value >= CHANCE else "is unlikely to be chance"
    return f"{said}; the difference {verdict}, {p_text(p_value)} for {len(table)} groups."
