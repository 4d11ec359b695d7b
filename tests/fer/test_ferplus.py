import numpy as np

from fer.emotions import EMOTIONS
from fer.ferplus import ANSWERS, NO_MAJORITY, is_contempt, majority


def votes(**counts: int) -> list[int]:
    return [counts.get(answer.replace("-", "_"), 0) for answer in ANSWERS]


def test_the_majority_is_what_more_annotators_saw_than_anything_else():
    table = np.array(
        [
            votes(neutral=4, sad=3, unknown=3),
            votes(neutral=5, sad=5),  # tied
            votes(happy=4, unknown=5),  # most do not know
            votes(fear=4, not_a_face=4),  # tied with no emotion
            votes(contempt=6, angry=4),
            votes(),  # whose votes cannot be trusted
            votes(disgust=1),
        ]
    )
    emotions = [EMOTIONS[n] if n != NO_MAJORITY else None for n in majority(table)]
    assert emotions == ["neutral", None, None, None, None, None, "disgust"]
    assert is_contempt(table).tolist() == [False] * 4 + [True] + [False] * 2
