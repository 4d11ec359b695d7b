"""The comparison page's view of when to trust an answer: risk against coverage."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.compare.images import show
from app.figures.trust import risk_coverage_curves
from fer.compare.metrics import Predictions
from fer.compare.selective import area_interval, area_under_risk, at_threshold, risk_coverage
from fer.emotions import EMOTIONS


@st.cache_data(max_entries=1000, show_spinner="Drawing samples …")
def interval(confidence: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Return `area_interval`, computed once for all visitors."""
    return area_interval(confidence, right)


def trust(
    models: Sequence[Predictions],
    thresholds: Mapping[str, float],
    colours: Mapping[str, str],
    place: str = "",
) -> None:
    """Show how many answers are wrong if only the surest are given.

    Args:
        thresholds: from which confidence on the pages call an answer certain, by model.
    """
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    threshold = left.slider(
        "Answer only from this confidence on",
        0.0,
        1.0,
        default_threshold(models, thresholds),
        0.01,
        format="percent",
        key=f"{place}threshold",
        bind="query-params",
        help="Below it a face is unsure: the pages and the tables say so.",
    )
    emotion = right.selectbox(
        "Among faces named", EMOTIONS, index=None, placeholder="anything", key=f"{place}named-so",
        bind="query-params",
    )  # fmt: skip
    answered = {predictions.name: given(predictions, emotion) for predictions in models}
    answered = {name: pair for name, pair in answered.items() if len(pair[0])}
    if not answered:
        st.info(f"None of the models names a face {emotion}.")
        return
    table = trust_table(answered, threshold)
    for line in table.to_dict("records"):
        st.markdown(trust_sentence(line, thresholds.get(line["model"])))
    curves = {name: risk_coverage(*pair) for name, pair in answered.items()}
    everything = pd.concat(
        [curve.assign(model=name) for name, curve in curves.items()], ignore_index=True
    )
    marks = table[table["answered"] > 0]
    show(
        risk_coverage_curves(curves, marks, colours),
        everything[["model", *everything.columns[:-1]]],
        f"{place}risk-coverage",
        "Share of wrong answers against the share of faces that are answered",
    )
    st.caption(
        "From left to right the faces are answered in the order of the model's confidence, the "
        "surest first; the dots are at the threshold above. The lower the line, the better the "
        "model knows when it is wrong. The area under it (AURC) is the mean share of wrong answers "
        "over all coverages; its 95% interval is from samples of the images drawn with replacement."
    )
    show_table(table, f"{place}trust")
    if emotion is None:
        by_emotion(models, threshold, place)


def default_threshold(models: Sequence[Predictions], thresholds: Mapping[str, float]) -> float:
    """Return the threshold of the first model that has one; 0 answers everything."""
    known = (thresholds.get(predictions.name, 0.0) for predictions in models)
    return round(next(filter(None, known), 0.0), 2)


def given(predictions: Predictions, emotion: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the confidence of a model's predictions, all or one emotion's, and which are right."""
    chosen = (
        np.full(len(predictions.table), True)
        if emotion is None
        else predictions.predicted == EMOTIONS.index(emotion)
    )
    confidence = predictions.probabilities.max(axis=1)
    return confidence[chosen], (predictions.predicted == predictions.labels)[chosen]


def trust_table(
    answered: Mapping[str, tuple[np.ndarray, np.ndarray]], threshold: float
) -> pd.DataFrame:
    """Return a line a model: what the threshold leaves, and the area under its curve."""
    lines = []
    for name, (confidence, right) in answered.items():
        kept, correct = at_threshold(confidence, right, threshold)
        low, high = interval(confidence, right)
        lines.append(
            {
                "model": name,
                "faces": len(confidence),
                "answered": kept,
                "coverage": kept / len(confidence),
                "right": correct,
                "accuracy": correct / kept if kept else np.nan,
                "risk": 1 - correct / kept if kept else np.nan,
                "without threshold": float(right.mean()),
                "AURC": area_under_risk(confidence, right),
                "AURC low": low,
                "AURC high": high,
            }
        )
    return pd.DataFrame(lines)


def trust_sentence(line: Mapping[Hashable, Any], own: float | None) -> str:
    """Say what the threshold buys with a model."""
    name = f"**{line['model']}**"
    default = f" The pages use {own:.0%} with it." if own else ""
    if not line["answered"]:
        return f"{name} is never so sure.{default}"
    return (
        f"{name} answers {line['coverage']:.0%} of the faces and is right on "
        f"{line['accuracy']:.1%} of those; of all, on {line['without threshold']:.1%}.{default}"
    )


def show_table(table: pd.DataFrame, name: str) -> None:
    """Show the table with its figures as percentages."""
    percent = st.column_config.NumberColumn(format="percent")
    three = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        table.drop(columns="risk"),
        hide_index=True,
        placeholder="–",
        column_config=dict.fromkeys(("coverage", "accuracy", "without threshold"), percent)
        | dict.fromkeys(("AURC", "AURC low", "AURC high"), three),
        alt="What each model answers at the threshold, and the area under its curve",
        key=f"table-{name}",
    )


def by_emotion(models: Sequence[Predictions], threshold: float, place: str) -> None:
    """Show what the threshold leaves of each emotion that is named."""
    st.markdown("**By the emotion that is named**")
    lines = []
    for predictions in models:
        for emotion in EMOTIONS:
            confidence, right = given(predictions, emotion)
            kept, correct = at_threshold(confidence, right, threshold)
            lines.append(
                {
                    "model": predictions.name,
                    "named": emotion,
                    "faces": len(confidence),
                    "answered": kept,
                    "accuracy": correct / kept if kept else np.nan,
                    "without threshold": float(right.mean()) if len(right) else np.nan,
                    "AURC": area_under_risk(confidence, right) if len(right) else np.nan,
                }
            )
    percent = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        pd.DataFrame(lines),
        hide_index=True,
        height="content",
        placeholder="–",
        column_config=dict.fromkeys(("accuracy", "without threshold"), percent)
        | {"AURC": st.column_config.NumberColumn(format="%.3f")},
        alt="What the threshold leaves of each emotion that a model names",
        key=f"{place}trust-emotions",
    )
