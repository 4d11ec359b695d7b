"""The comparison page's view of when models break: accuracy on disturbed images."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from app.compare.images import numbers, show
from app.compare.models import without_place
from app.figures.trust import against_severity
from fer.artifacts import Artifact
from fer.artifacts.robustness import CORRUPTIONS, Robustness
from fer.compare.robustness import mean_accuracy, severity_table
from fer.errors import FerError
from fer.ferplus import Measure


def breaks(
    artifacts: Sequence[Artifact],
    others: Sequence[Artifact],
    measure: Measure,
    colours: Mapping[str, str],
) -> None:
    """Show how much of its accuracy each model keeps in the dark, under noise, turned, covered.

    Args:
        artifacts: the chosen models.
        others: those to name if none of the chosen was measured.
    """
    measured = read_measured(artifacts)
    if missing := [artifact for artifact in artifacts if artifact.name not in measured]:
        names = ", ".join(artifact.name for artifact in missing)
        does = "; `python -m training robustness NAME --data DIR` does"
        own = any(artifact.has_weights for artifact in missing)
        st.caption(f"Not measured on disturbed images: {names}{does if own else ''}.")
    table = severity_table(measured, measure)
    if table.empty:
        there = severity_table(read_measured(others), measure)
        names = ", ".join(there["model"].unique()) if len(there) else ""
        st.info(
            "None of the chosen models was measured on disturbed images"
            + (f"; of the others, {names} were." if names else "."),
            icon=":material/blur_on:",
        )
        return
    means = mean_accuracy(table)
    words = {words: name for name, words in CORRUPTIONS.items()}
    chosen = words[
        st.selectbox(
            "What happens to the images", list(words), index=list(words).index("darkness"),
            key="corruption", bind="query-params",
        )
    ]  # fmt: skip
    st.markdown(robust_sentence(means, chosen))
    lines = table[table["corruption"] == chosen]
    show(
        against_severity(lines, colours),
        lines,
        f"robustness-{chosen}",
        f"Accuracy by strength of {CORRUPTIONS[chosen]}",
    )
    counts = lines.groupby("model", sort=False)["images"].max()
    images = ", ".join(f"{model} {count:,}" for model, count in counts.items())
    st.caption(
        f"Test images disturbed, those that stand in train too: {images}. Names and strengths are "
        "those of Hendrycks and Dietterich (2019) for small images where they have such a "
        "corruption; the strengths of darkness, turning and covering are this project's. Strength "
        "0 is undisturbed."
    )
    show_kept(means)


def read_measured(artifacts: Sequence[Artifact]) -> dict[str, Robustness]:
    """Return what was measured on disturbed images, by model; say what cannot be read."""
    measured: dict[str, Robustness] = {}
    for artifact in artifacts:
        try:
            found = Robustness.read(artifact)
        except FerError as error:
            st.warning(without_place(error), icon=":material/broken_image:")
            continue
        if found is not None:
            measured[artifact.name] = found
    return measured


def robust_sentence(means: pd.DataFrame, corruption: str) -> str:
    """Say which of the models to take where images are disturbed so."""
    lines = means[means["corruption"] == corruption].sort_values("disturbed", ascending=False)
    best = lines.iloc[0]
    words = CORRUPTIONS[corruption]
    said = (
        f"right on {best['disturbed']:.1%} on average over the five strengths, {best['clean']:.1%} "
        f"undisturbed: it keeps {best['kept']:.0%}"
    )
    if len(lines) == 1:
        return f"Under {words} **{best['model']}** is {said}."
    steadiest = lines.sort_values("kept", ascending=False).iloc[0]
    rest = (
        ""
        if steadiest["model"] == best["model"]
        else f" **{steadiest['model']}** keeps most of its own accuracy, {steadiest['kept']:.0%}."
    )
    return f"For {words}, take **{best['model']}**: {said}.{rest}"


def show_kept(means: pd.DataFrame) -> None:
    """Show the mean accuracy under each corruption, and what share of the undisturbed it is."""
    st.markdown("**Under everything, on average over the strengths**")
    models = means["model"].drop_duplicates().tolist()
    wide = means.pivot(index="corruption", columns="model", values=["disturbed", "kept"])
    wide = wide.reindex([name for name in CORRUPTIONS if name in wide.index])
    table = pd.DataFrame({"corruption": [CORRUPTIONS[name] for name in wide.index]})
    for model in models:
        table[f"{model}: right"] = wide["disturbed", model].to_numpy()
        table[f"{model}: kept"] = wide["kept", model].to_numpy()
    percent = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        placeholder="–",
        column_config=dict.fromkeys(table.columns[1:], percent),
        alt="Accuracy of each model under each corruption, and its share of that undisturbed",
        key="robustness-means",
    )
    numbers(means, "robustness-means")
