"""The comparison page's short answer: one sentence on which model to take."""

from collections.abc import Mapping

import pandas as pd

from fer.compare.metrics import Predictions, best_by_emotion, per_emotion
from fer.compare.paired import paired_comparison

GIVEN_UP = 0.05
"""So much accuracy at most is given up for speed."""
QUICKER = 2
"""So many times as fast a model has to be for that."""


def short_answer(table: pd.DataFrame, models: Mapping[str, Predictions], emotion: str) -> str:
    """Say which model to take, which where speed matters, and which for an emotion.

    Args:
        table: the leaderboard, the best first: `model`, `accuracy`, `ms a face` and
            `multiply-adds`.
        models: its models' predictions by name.
    """
    best = table.iloc[0]
    parts = [f"Take **{best['model']}**"]
    if len(table) > 1:
        parts += [_quick(table), _for_emotion(models, str(best["model"]), emotion)]
    return "; ".join(filter(None, parts)) + "."


def _quick(table: pd.DataFrame) -> str:
    """Say which model is the fastest of those that are nearly as good as the best."""
    timed = table["ms a face"].notna().all()
    cost = "ms a face" if timed else "multiply-adds"
    best = table.iloc[0]
    near = table[(table["accuracy"] >= best["accuracy"] - GIVEN_UP) & table[cost].notna()]
    if near.empty or pd.isna(best[cost]):
        return ""
    quick = near.sort_values([cost, "accuracy"], ascending=[True, False]).iloc[0]
    times = best[cost] / quick[cost]
    if times < QUICKER:
        return ""
    fewer = 100 * (best["accuracy"] - quick["accuracy"])
    loss = f"{fewer:.1f} points less" if fewer >= 0.05 else "as often right"
    gain = f"{times:.0f} times as fast" if timed else f"{times:.0f} times less to compute"
    return f"take **{quick['model']}** where speed matters ({loss}, {gain})"


def _for_emotion(models: Mapping[str, Predictions], best: str, emotion: str) -> str:
    """Say which model finds an emotion best, if that is more than chance."""
    first, second = best_by_emotion(list(models.values()), emotion)[:2]
    if paired_comparison(first, second, emotion).by_chance:
        return f"for **{emotion}** no model is better than the next by more than chance"
    recalls = per_emotion([first]).set_index("emotion")["recall"]
    known = first.name == best
    also = f"**{best}** is also the best for" if known else f"take **{first.name}** for"
    return f"{also} **{emotion}** (finds {recalls[emotion]:.0%})"
