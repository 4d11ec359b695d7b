"""What people agree on: predictions against the FER+ votes, and labels that contradict both.

Votes are int `[N, 10]`, how many annotators gave each of `fer.ferplus.ANSWERS`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fer.artifacts.report import accuracy_interval
from fer.emotions import EMOTIONS
from fer.ferplus import ANSWERS, NO_MAJORITY, OF_EMOTIONS, majority


def agreed(votes: np.ndarray) -> np.ndarray:
    """Return how many annotators gave the emotion that most gave, int `[N]`."""
    return votes[:, OF_EMOTIONS].max(axis=1)


def by_agreement(votes: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """Return how often predictions are right by how many annotators saw the same emotion.

    Args:
        right: bool `[N]`.

    Returns:
        By rising `agreed`: how many `images`, how many `right`, `accuracy` and its 95% interval
        `low` and `high`.
    """
    table = pd.DataFrame({"agreed": agreed(votes), "right": right.astype(int)})
    table = table.groupby("agreed")["right"].agg(images="count", right="sum").reset_index()
    intervals = [
        accuracy_interval(*pair) for pair in zip(table["right"], table["images"], strict=True)
    ]
    low, high = zip(*intervals, strict=True)
    return table.assign(accuracy=table["right"] / table["images"], low=low, high=high)


@dataclass(frozen=True)
class LeftOut:
    """Each image once for each answer that an annotator gave, without that one annotator.

    The images with more annotators who gave an answer weigh that answer more: all weights of an
    image sum to 1. Only what the other annotators agree on is in it.
    """

    image: np.ndarray
    """int `[M]`: the image's place among the votes."""
    answer: np.ndarray
    """int `[M]`: the emotion's number that the one annotator gave, or `NO_MAJORITY` for others."""
    others: np.ndarray
    """int `[M]`: the emotion that most of the others gave."""
    weight: np.ndarray
    """float `[M]`: the share of the image's annotators who gave this answer."""

    @classmethod
    def of(cls, votes: np.ndarray) -> "LeftOut":
        """Leave each annotator out in turn."""
        image, place = np.nonzero(votes)
        rest = votes[image].copy()
        rest[np.arange(len(image)), place] -= 1
        others = majority(rest)
        emotion = np.full(len(ANSWERS), NO_MAJORITY)
        emotion[OF_EMOTIONS] = range(len(EMOTIONS))
        known = others != NO_MAJORITY
        weight = votes[image, place] / votes.sum(axis=1)[image]
        return cls(image[known], emotion[place][known], others[known], weight[known])

    def ceiling(self) -> float:
        """Return how often one annotator gives the emotion that most of the others gave.

        Nobody whose truth is a majority of annotators can be expected to do better than they.
        """
        return float(np.average(self.answer == self.others, weights=self.weight))

    def accuracy(self, predicted: np.ndarray) -> float:
        """Return how often a model names what the same others gave.

        Args:
            predicted: int `[N]`, the emotions' numbers.
        """
        return float(np.average(predicted[self.image] == self.others, weights=self.weight))


def suspect_labels(
    labels: np.ndarray, probabilities: np.ndarray, votes: np.ndarray
) -> pd.DataFrame:
    """Find images whose label both the models and the annotators speak against.

    The models speak against a label if another emotion is at least as probable as it is on average
    where it is the label (confident learning, Northcutt et al. 2021); the annotators if that
    emotion is their majority. The probabilities must be of images that were not learnt from.

    Args:
        labels: int `[N]`, the emotions' numbers.
        probabilities: float `[N, 7]`, of one model or the mean of several.

    Returns:
        By falling difference of the two probabilities: `image` (its place), `label`, `suggested`,
        their probabilities `p_label` and `p_suggested`, and how many annotators saw them,
        `votes_label` and `votes_suggested`.
    """
    everyone = np.arange(len(labels))
    thresholds = np.array(
        [
            probabilities[labels == number, number].mean() if (labels == number).any() else np.inf
            for number in range(len(EMOTIONS))
        ]
    )
    suggested = np.where(probabilities >= thresholds, probabilities, -1).argmax(axis=1)
    confident = (probabilities >= thresholds).any(axis=1)
    found = everyone[confident & (suggested != labels) & (suggested == majority(votes))]
    label, other = labels[found], suggested[found]
    of_emotions = votes[:, OF_EMOTIONS]
    table = pd.DataFrame(
        {
            "image": found,
            "label": [EMOTIONS[number] for number in label],
            "suggested": [EMOTIONS[number] for number in other],
            "p_label": probabilities[found, label],
            "p_suggested": probabilities[found, other],
            "votes_label": of_emotions[found, label],
            "votes_suggested": of_emotions[found, other],
        }
    )
    margin = table["p_label"] - table["p_suggested"]
    return table.loc[margin.sort_values(kind="stable").index].reset_index(drop=True)
