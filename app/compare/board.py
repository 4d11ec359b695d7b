"""The comparison page's overview: the answers in figures, all models, and what others report."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from app.compare.images import numbers
from fer.artifacts import Artifact
from fer.compare.metrics import Predictions, best_by_emotion, per_emotion
from fer.compare.paired import paired_comparison
from fer.compare.references import REFERENCES


def show_answers(table: pd.DataFrame, models: Mapping[str, Predictions], emotion: str) -> None:
    """Answer in four cards: which is best, which for an emotion, is that chance, what it costs."""
    best = table.iloc[0]
    ranked = best_by_emotion(list(models.values()), emotion)
    scores = per_emotion(ranked).query("emotion == @emotion").set_index("model")
    top = scores.loc[ranked[0].name]
    with st.grid(2, min_column_width=330):
        with st.container(border=True, height="stretch"):
            st.metric("Best overall", best["model"])
            st.markdown(
                f"{best['accuracy']:.1%} of test images right; 95% interval "
                f"{best['low']:.1%} to {best['high']:.1%}"
            )
        with st.container(border=True, height="stretch"):
            st.metric(f"Best for {emotion}", ranked[0].name)
            st.markdown(
                f"finds {top['right']} of {top['images']} ({top['recall']:.0%}; "
                f"{top['recall_low']:.0%} to {top['recall_high']:.0%}), and is right in "
                f"{top['precision']:.0%} of the {top['named']} it names so"
            )
        with st.container(border=True, height="stretch"):
            if len(table) < 2:
                st.metric("Is it chance?", "–")
                st.markdown("There is one model: nothing to compare it with.")
            else:
                overall = paired_comparison(models[best["model"]], models[table.iloc[1]["model"]])
                among = paired_comparison(ranked[0], ranked[1], emotion)
                st.metric("Is it chance?", "could be" if overall.by_chance else "unlikely")
                st.markdown(f"{overall.sentence}\n\nAmong {emotion}: {among.sentence}")
        with st.container(border=True, height="stretch"):
            time = best["ms a face"]
            st.metric("What it costs", "not timed" if pd.isna(time) else f"{time:.1f} ms a face")
            parts = [
                text
                for value, text in (
                    (best["parameters"], f"{best['parameters']:,.0f} weights"),
                    (best["MB"], f"{best['MB']:.1f} MB"),
                    (best["multiply-adds"], f"{best['multiply-adds'] / 1e6:,.0f} M multiply-adds"),
                    (best["training minutes"], f"{best['training minutes']:,.0f} min of training"),
                )
                if not pd.isna(value)
            ]
            st.markdown(f"{best['model']}: {', '.join(parts) or 'not measured'}")


def show_leaderboard(table: pd.DataFrame) -> None:
    """Show the sortable table of all models."""
    whole = st.column_config.NumberColumn(format="localized")
    shown = table.assign(
        interval=[
            f"{low:.1%} – {high:.1%}" for low, high in zip(table["low"], table["high"], strict=True)
        ]
    )
    st.dataframe(
        shown,
        key="leaderboard",
        hide_index=True,
        placeholder="–",
        column_order=[
            "model",
            "accuracy",
            "interval",
            "macro F1",
            "worst recall",
            "worst class",
            "calibration error",
            "not in train",
            "ms a face",
            "MB",
            "parameters",
            "multiply-adds",
            "training minutes",
            "init",
        ],
        column_config={
            "model": st.column_config.TextColumn(pinned=True),
            "init": st.column_config.TextColumn(
                "began with",
                help="The weights that training began with: random ones (scratch), or those that "
                "another task had taught",
            ),
            "accuracy": st.column_config.NumberColumn("test accuracy", format="percent"),
            "interval": "95% interval",
            "macro F1": st.column_config.NumberColumn(
                format="%.3f",
                help="F1 joins how many faces of an emotion are found and how many so named are "
                "it; this is its mean over the emotions, the rare ones counting as much",
            ),
            "worst recall": st.column_config.NumberColumn(
                format="percent", help="How many faces are found of the emotion found least"
            ),
            "worst class": "of",
            "calibration error": st.column_config.NumberColumn(
                format="%.3f",
                help="How far, on average, its confidence lies from how often it is right",
            ),
            "not in train": st.column_config.NumberColumn(
                "on unseen images",
                format="percent",
                help="Accuracy on the test images that do not also stand among the training images",
            ),
            "parameters": whole,
            "multiply-adds": st.column_config.NumberColumn(
                format="compact", help="How much there is to compute for one face"
            ),
            "MB": st.column_config.NumberColumn(format="%.1f", help="Size of the weights' files"),
            "ms a face": st.column_config.NumberColumn(
                format="%.1f", help="As published with the model; the view Cost says where measured"
            ),
            "training minutes": st.column_config.NumberColumn(format="%.0f"),
        },
        alt="The models with their accuracy, its interval, and what they cost",
    )
    numbers(table, "leaderboard")


def show_rivals(
    found: Mapping[str, Artifact], models: Mapping[str, Predictions], best: str
) -> None:
    """Say of the other projects' networks how far they are, and what they may have learnt from.

    Args:
        models: predictions, the best first.
        best: this project's best model.
    """
    rivals = [found[name] for name in models if found[name].source]
    if not rivals:
        return
    st.markdown(
        "Against the best of other projects' networks: "
        + paired_comparison(models[best], models[rivals[0].name]).sentence
    )
    names = ", ".join(artifact.name for artifact in rivals)
    with st.expander(f"Other projects' networks: {names}", icon=":material/groups:"):
        st.markdown(
            "Asked for the same pixels, as their own packages prepare a face and answer: one view, "
            "nothing fitted to these images. Their weights are not here."
        )
        for artifact in rivals:
            st.markdown(
                f"**{artifact.name}**: {artifact.config.purpose}. {artifact.source}; "
                f"licence: {artifact.get('licence')}. {artifact.get('learnt_from')}."
            )


def with_references(ours: pd.DataFrame) -> pd.DataFrame:
    """Put this app's models and what others report into one list, the best first.

    Args:
        ours: `model`, `init` and the test `accuracy` by FER-2013's label.

    Returns:
        `name`, `ours`, `accuracy`, `split`, `chosen_by`, `init`, `remark`, `source`, `code`.
    """
    columns = ["name", "accuracy", "split", "chosen_by", "init", "remark", "source", "code"]
    others = pd.DataFrame(
        [[getattr(reference, column) for column in columns] for reference in REFERENCES],
        columns=columns,
    ).assign(ours=False)
    own = ours.rename(columns={"model": "name"}).assign(
        ours=True, split="test", chosen_by="validation", remark="", source=None, code=None
    )
    table = pd.concat([own[others.columns], others], ignore_index=True)
    return table.sort_values("accuracy", ascending=False, kind="stable", ignore_index=True)


def show_references(ours: pd.DataFrame) -> None:
    """Show what others report, with this app's models in their places."""
    st.header("Beside what others report")
    table = with_references(ours)
    st.dataframe(
        table.assign(ours=["this app" if own else "" for own in table["ours"]]),
        hide_index=True,
        height="content",
        placeholder="",
        column_order=[
            "name", "ours", "accuracy", "split", "chosen_by", "remark", "source", "code", "init",
        ],
        column_config={
            "name": st.column_config.TextColumn("model", pinned=True),
            "ours": st.column_config.TextColumn("", width=80),
            "accuracy": st.column_config.NumberColumn(format="percent"),
            "split": "measured on",
            "chosen_by": st.column_config.TextColumn(
                "epoch chosen by", help="An epoch chosen on the test images overstates itself"
            ),
            "remark": st.column_config.TextColumn("what to know", width="large"),
            "source": st.column_config.LinkColumn(display_text="source"),
            "code": st.column_config.LinkColumn(display_text="code"),
            "init": "began with",
        },
        alt="Accuracies of this app's models, of the study, published work and people, best first",
    )  # fmt: skip
    st.caption(
        "All by FER-2013's own label, whichever measure is chosen above. One view an image or "
        "several, as each source reports; this app's as the model answers."
    )
