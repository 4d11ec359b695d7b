"""Plotly figures of a scored batch; pure functions, one colour per emotion throughout."""

from collections.abc import Mapping

import plotly.graph_objects as go

from fer.emotions import EMOTIONS
from fer.figures import bars_by_emotion
from fer.wording import percent


def emotion_counts(counts: Mapping[str, int]) -> go.Figure:
    """Draw how many faces show each emotion, in the emotions' fixed order.

    Args:
        counts: faces by emotion; what is missing is none.
    """
    values = [counts.get(emotion, 0) for emotion in EMOTIONS]
    total = sum(values) or 1
    text = [f"{value:,} · {percent(value / total)}" for value in values]
    end = max(values) or 1
    return bars_by_emotion(values, text, hover="%{x:,} faces", end=end, height=240, room=96)
