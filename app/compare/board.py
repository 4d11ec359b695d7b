"""The comparison page's first screen: the short answers, the leaderboard, what others report."""

import pandas as pd
import streamlit as st

from fer.compare.metrics import Answers, best_by_emotion, per_emotion
from fer.compare.paired import duel
from fer.compare.references import REFERENCES
from fer.emotions import EMOTIONS


def show_answers(table: pd.DataFrame, models: dict[str, Answers]) -> None:
    """Answer in four cards: which is best, which for an emotion, is that chance, what it costs."""
    best = table.iloc[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader("The short answer", width="stretch")
        emotion = st.selectbox(
            "Emotion", EMOTIONS, index=1, key="emotion", bind="query-params", width=160
        )
    ranked = best_by_emotion(list(models.values()), emotion)
    scores = per_emotion(ranked).query("emotion == @emotion").set_index("model")
    top = scores.loc[ranked[0].name]
    with st.grid(min_column_width=250):
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
                overall = duel(models[best["model"]], models[table.iloc[1]["model"]])
                among = duel(ranked[0], ranked[1], emotion)
                st.metric("Is it chance?", "could be" if overall.by_chance else "hardly")
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
    """Show the sortable table; selecting its rows chooses the models, and the other way round."""
    names = table["model"].tolist()
    percent = st.column_config.NumberColumn(format="percent")
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
            "init",
            "accuracy",
            "interval",
            "macro F1",
            "worst recall",
            "worst class",
            "calibration error",
            "not in train",
            "parameters",
            "multiply-adds",
            "MB",
            "ms a face",
            "training minutes",
        ],
        column_config={
            "model": st.column_config.TextColumn(pinned=True),
            "accuracy": st.column_config.NumberColumn("test accuracy", format="percent"),
            "interval": "95% interval",
            "macro F1": st.column_config.NumberColumn(format="%.3f"),
            "worst recall": percent,
            "calibration error": st.column_config.NumberColumn(format="%.3f"),
            "not in train": st.column_config.NumberColumn(
                format="percent", help="Accuracy on the test images that do not stand in train too"
            ),
            "parameters": whole,
            "multiply-adds": st.column_config.NumberColumn(format="compact"),
            "MB": st.column_config.NumberColumn(format="%.1f", help="Size of the weights' files"),
            "ms a face": st.column_config.NumberColumn(format="%.1f"),
            "training minutes": st.column_config.NumberColumn(format="%.0f"),
        },
        on_select=lambda: pick_rows(names),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows_of(names)}},
        alt="The models with their accuracy, its interval, and what they cost",
    )


def show_references() -> None:
    """Show what others report; there is nothing behind these figures that could be selected."""
    st.markdown("**For reference: what others report on FER-2013**")
    st.dataframe(
        pd.DataFrame(REFERENCES),
        hide_index=True,
        height=213,  # five rows and the header
        column_order=["name", "accuracy", "split", "chosen_by", "init", "note", "source"],
        column_config={
            "name": st.column_config.TextColumn("reference", pinned=True),
            "accuracy": st.column_config.NumberColumn(format="percent"),
            "split": "measured on",
            "chosen_by": st.column_config.TextColumn(
                "epoch chosen by", help="An epoch chosen on the test images overstates itself"
            ),
        },
        alt="Accuracies that the study, published work and people reach, with their sources",
    )


def pick_rows(names: list[str]) -> None:
    """Take over the models whose rows were selected in the table."""
    rows = st.session_state.leaderboard["selection"]["rows"]
    st.session_state.models = [names[row] for row in rows]


def pick_models(names: list[str]) -> None:
    """Select the rows of the models that were chosen below the table."""
    st.session_state.leaderboard = {"selection": {"rows": rows_of(names)}}


def rows_of(names: list[str]) -> list[int]:
    """Return the places of the chosen models."""
    chosen = st.session_state.get("models") or []
    return [row for row, name in enumerate(names) if name in chosen]
