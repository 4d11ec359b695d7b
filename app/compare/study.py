"""The comparison page's view of the study that the project grew out of: do its findings hold?"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import streamlit as st

from app.compare.images import numbers, show
from app.figures.comparison import beside_study
from fer.artifacts import Artifact
from fer.compare.metrics import Predictions
from fer.compare.paired import p_text
from fer.compare.study import CONCLUSIONS, EXPERIMENTS, steps, verdict

UNBALANCED = Path(__file__).with_name("unbalanced.csv")
"""What each answer to unbalanced classes does, as `python -m bench.balance` wrote it."""


def study(found: Mapping[str, Artifact], models: Mapping[str, Predictions]) -> None:
    """Show the study's experiments beside ours, its conclusions tested, and its open question.

    Args:
        found: all models; their validation figures are shown.
        models: their predictions on test, by the measure that is chosen.
    """
    st.header("Its five experiments")
    table = experiments(found)
    known = table.dropna(subset="validation")
    ahead = int((known["validation"] > known["study"]).sum())
    st.markdown(
        f"Of the study's five experiments {len(known)} have a run here; {ahead} of those reach "
        "more on validation than the study did."
    )
    show(beside_study(table), table, "study",
         "Validation accuracy of the study's experiments and of the runs here")  # fmt: skip
    show_experiments(table)
    st.header("Its conclusions")
    for conclusion in CONCLUSIONS:
        tested = steps(conclusion, models)
        with st.container(border=True):
            st.markdown(f"**{conclusion.claim}?** {verdict(tested)}.")
            for step in tested:
                better, worse = step.result.second, step.result.first
                st.markdown(
                    f"{better} over {worse}: {step.verdict}. It alone is right on "
                    f"{step.result.only_second:,} of {step.result.images:,} test images, {worse} "
                    f"alone on {step.result.only_first:,}; {p_text(step.p_corrected)}."
                )
            st.caption(conclusion.remark)
    st.caption(
        "By the measure chosen above, on test images: McNemar's exact test, p corrected for the "
        "number of steps of a conclusion (Holm)."
    )
    show_unbalanced()


def experiments(found: Mapping[str, Artifact]) -> pd.DataFrame:
    """Return a line an experiment: the study's figure and ours, by FER-2013's label.

    Returns:
        `experiment`, `study` and `study began with`; `model`, which is empty where there is no run,
        `network`, `validation` and its 95% interval `low` and `high`, `test`, `began with`.
    """
    lines = []
    for experiment in EXPERIMENTS:
        name = experiment.model(found)
        line = {
            "experiment": experiment.study.name,
            "study": experiment.study.accuracy,
            "study began with": experiment.study.init,
        }
        if name is not None:
            artifact = found[name]
            low, high = artifact.accuracy_interval("validation")
            line |= {
                "model": name,
                "network": "another's" if experiment.stands_in(name) else "the study's",
                "validation": artifact.accuracy("validation"),
                "low": low,
                "high": high,
                "test": artifact.accuracy("test"),
                "began with": artifact.first_weights,
            }
        lines.append(line)
    columns = ["experiment", "study", "study began with", "model", "network", "validation", "low",
               "high", "test", "began with"]  # fmt: skip
    table = pd.DataFrame(lines, columns=columns)
    return table.astype(dict.fromkeys(("validation", "low", "high", "test"), float))


def show_experiments(table: pd.DataFrame) -> None:
    """Show the table of experiments, and say what has no run."""
    percent = st.column_config.NumberColumn(format="percent")
    interval = [
        "" if pd.isna(low) else f"{low:.1%} – {high:.1%}"
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
    st.dataframe(
        table.assign(interval=interval, model=table["model"].fillna("no run")),
        key="study-experiments",
        hide_index=True,
        height="content",
        placeholder="–",
        column_order=["experiment", "study", "model", "validation", "interval", "test", "network",
                      "began with", "study began with"],
        column_config={
            "experiment": st.column_config.TextColumn(pinned=True),
            "study": st.column_config.NumberColumn("the study, validation", format="percent"),
            "model": "run here",
            "validation": percent,
            "interval": "95% interval",
            "test": percent,
            "network": st.column_config.TextColumn(
                help="Whether the run here is of the study's network, or of a smaller one of its "
                "family in its place"
            ),
            "study began with": "the study's began with",
        },
        alt="The study's five experiments with its figure and ours",
    )  # fmt: skip
    without = table[table["model"].isna()]["experiment"]
    others = table[table["network"] == "another's"]
    said = [
        "Both by FER-2013's label, as the study measured; its figures are on the images by which "
        "it chose, without interval.",
        f"Not trained here, neither it nor another in its place: {'; '.join(without)}."
        if len(without)
        else "",
        f"A smaller network in its place: {'; '.join(others['experiment'])}."
        if len(others)
        else "",
    ]
    st.caption(" ".join(filter(None, said)))


def show_unbalanced() -> None:
    """Answer what the study left open: what to do about unbalanced classes."""
    st.header("Its open question: unbalanced classes")
    table = pd.read_csv(UNBALANCED)
    by_balance = table.set_index("balance").to_dict("index")
    best = max(by_balance, key=lambda name: by_balance[name]["macro F1"])
    points = {
        name: 100 * (by_balance[best][name] - by_balance["none"][name])
        for name in ("macro F1", "accuracy")
    }
    st.markdown(
        f"Of the answers that were tried, **{best}** has the highest macro F1: "
        f"{points['macro F1']:+.1f} points against leaving the classes as they are, and "
        f"{points['accuracy']:+.1f} of accuracy. Models are chosen by accuracy, so those that ship "
        "learnt from the classes as they are. Some, the default among them, have rare emotions "
        "named more often afterwards, as far as the accuracy on validation bears it."
    )
    shown = pd.DataFrame({"balance": table["balance"]})
    for column in table.columns:
        if f"{column}, spread" in table:
            spread = table[f"{column}, spread"]
            shown[column] = [
                f"{mean:.1%} ± {100 * wide:.1f}"
                for mean, wide in zip(table[column], spread, strict=True)
            ]
    st.dataframe(
        shown,
        key="unbalanced",
        hide_index=True,
        height="content",
        alt="What each answer to unbalanced classes does to accuracy and rare emotions",
    )
    numbers(table, "unbalanced-classes")
    st.caption(
        "Validation images, by FER-2013's label: the study's CNN for 6 epochs, mean and standard "
        "deviation over three seeds (`python -m bench.balance`). `inverse` and `effective` weigh "
        "the loss of rare emotions more, `sampler` shows them more often, `logits` "
        "learns with the logarithm of each emotion's share added to its output."
    )
