"""FER+: what ten annotators saw in each image of FER-2013 (Barsoum et al. 2016).

FER-2013's own label is one opinion; the votes are ten. Their majority is the second of the two
measures by which models are judged here, beside the label.
"""

from typing import Literal

import numpy as np

from fer.emotions import EMOTIONS

Measure = Literal["label", "votes"]
"""What an answer is held against: FER-2013's own label, or the majority of the FER+ votes."""
MEASURES: tuple[Measure, ...] = ("label", "votes")
CALLED: dict[Measure, str] = {"label": "FER-2013's label", "votes": "FER+ votes"}
"""What the pages call the measures."""

ANSWERS = (
    "neutral", "happy", "surprise", "sad", "angry", "disgust", "fear",
    "contempt", "unknown", "not-a-face",
)  # fmt: skip
"""What an annotator could say, in the order of FER+'s columns."""

OF_EMOTIONS = [ANSWERS.index(emotion) for emotion in EMOTIONS]
"""Where the answer that names each of `fer.emotions.EMOTIONS` stands in `ANSWERS`."""

MOST_VOTES = 127
"""What an int8 holds; there are ten."""

NO_MAJORITY = -1
"""Stands for the label of an image on which the annotators do not agree on an emotion."""


def are_counts(votes: np.ndarray) -> np.ndarray:
    """Say of each number of votes whether it is whole and an int8 holds it; of text, it is not."""
    return np.isin(votes, range(MOST_VOTES + 1))


def majority(votes: np.ndarray) -> np.ndarray:
    """Return the emotion that most annotators saw in each image.

    An emotion needs more votes than any other answer: images that are tied, or that most call
    contempt, unknown or no face, have no majority here.

    Args:
        votes: `[N, 10]`, how many annotators gave each of `ANSWERS`.

    Returns:
        int64 `[N]`: the emotion's number in `EMOTIONS`, or `NO_MAJORITY`.
    """
    of_emotions = votes[:, OF_EMOTIONS]
    winner = of_emotions.argmax(axis=1)
    most = of_emotions.max(axis=1, keepdims=True)
    alone = (votes >= most).sum(axis=1) == 1
    return np.where(alone, winner, NO_MAJORITY)


def is_contempt(votes: np.ndarray) -> np.ndarray:
    """Say of which images contempt has more votes than any other answer, bool `[N]`.

    Papers on FER+ count eight emotions; a network of seven is wrong on each of these images.
    """
    contempt = votes[:, [ANSWERS.index("contempt")]]
    return (votes >= contempt).sum(axis=1) == 1
