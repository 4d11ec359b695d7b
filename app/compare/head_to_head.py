"""The comparison page's view of two models held against each other."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from app.compare.images import numbers, show, show_images
from app.figures.comparison import paired_bar
from fer.compare.metrics import Predictions
from fer.compare.paired import only_right, p_text, paired_comparison
from fer.emotions import EMOTIONS
from fer.wording import counted


def head_to_head(
    models: Sequence[Predictions],
    preferred: Sequence[str],
    colours: Mapping[str, str],
    place: str = "",
) -> None:
    """Hold two models against each other: agreement, McNemar's test, what only one gets right."""
    if len(models) < 2:
        st.info("It takes two models.", icon=":material/compare_arrows:")
        return
    names = [predictions.name for predictions in models]
    order = [*preferred, *(name for name in names if name not in preferred)]
    left, right, third = st.columns(3)
    first = left.selectbox("First", order, key=f"{place}first", bind="query-params")
    second = right.selectbox(
        "Second", [name for name in order if name != first], key=f"{place}second",
        bind="query-params",
    )  # fmt: skip
    among = third.selectbox(
        "Among", EMOTIONS, index=None, placeholder="all emotions", key=f"{place}among",
        bind="query-params",
    )  # fmt: skip
    by_name = dict(zip(names, models, strict=True))
    one, other = by_name[first], by_name[second]
    result = paired_comparison(one, other, among)
    if not result.images:
        st.info("The two have no image in common.")
        return
    st.markdown(
        f"{result.sentence} They name the same emotion in {result.agree / result.images:.1%} of "
        "the images, right or wrong."
    )
    parts = {
        "both right": result.both,
        f"only {first}": result.only_first,
        f"only {second}": result.only_second,
        "neither": result.neither,
    }
    part_colours = {f"only {first}": colours[first], f"only {second}": colours[second]}
    show(
        paired_bar(parts, part_colours),
        pd.DataFrame({"part": list(parts), "images": list(parts.values())}),
        f"{place}duel",
        "Images that both, one or neither gets right",
    )
    st.caption("McNemar's exact test on the images that only one of the two gets right.")
    show_by_emotion(one, other, place)
    only_one = {
        f"only {first}": ([other, one], only_right(one, other, among)),
        f"only {second}": ([one, other], only_right(other, one, among)),
    }
    which = st.segmented_control(
        "Images that one of them gets right",
        list(only_one),
        default=f"only {first}",
        required=True,
        key=f"{place}only",
    )
    pair, rows = only_one[which]
    st.markdown(
        f"{counted(len(rows), 'image')} that {which} gets right; those where {pair[0].name} is "
        "surest of its wrong answer come first"
    )
    show_images(pair, rows, f"{place}{which.replace(' ', '-')}")


def show_by_emotion(first: Predictions, second: Predictions, place: str) -> None:
    """Show the paired comparison of the two models within each emotion."""
    lines = []
    for emotion in EMOTIONS:
        result = paired_comparison(first, second, emotion)
        if result.images:
            lines.append(
                {
                    "emotion": emotion,
                    "images": result.images,
                    f"recall {first.name}": (result.both + result.only_first) / result.images,
                    f"recall {second.name}": (result.both + result.only_second) / result.images,
                    f"only {first.name}": result.only_first,
                    f"only {second.name}": result.only_second,
                    "p": result.p_value,
                    "verdict": "could be chance" if result.by_chance else "unlikely to be chance",
                }
            )
    table = pd.DataFrame(lines)
    percent = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        table.assign(verdict=table["verdict"] + ", " + table["p"].map(p_text)).drop(columns="p"),
        hide_index=True,
        column_config={f"recall {name}": percent for name in (first.name, second.name)},
        alt="The two models' recall of each emotion, and whether the difference could be chance",
    )
    numbers(table, f"{place}duel-emotions")
    st.caption("Seven tests: one of them comes out below 0.05 by chance alone three times in ten.")
