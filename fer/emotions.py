"""The seven emotions: their names, their order and their colours, defined once.

The order is FER-2013's own (label 0 is angry, 6 is neutral), so a network's
output column, a label in the data and a position in `EMOTIONS` are one number.
"""

import re

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

OTHER_WORDS = {
    "anger": "angry", "disgusted": "disgust", "fearful": "fear", "happiness": "happy",
    "sadness": "sad", "surprised": "surprise",
}  # fmt: skip
"""Words of other data sets, FER+ among them, for the same emotions."""


def emotion_number(text: object) -> int | None:
    """Return an emotion's number, given its name, another word for it, or the number as text.

    >>> emotion_number(" Happy "), emotion_number("anger"), emotion_number("3.0")
    (3, 0, 3)
    >>> emotion_number("7"), emotion_number("2.5"), emotion_number("contempt")
    (None, None, None)
    """
    word = str(text).strip().lower()
    word = OTHER_WORDS.get(word, word)
    if word in EMOTIONS:
        return EMOTIONS.index(word)
    # Where a column has gaps, pandas writes whole numbers as 3.0, and some countries as 3,0.
    number = re.fullmatch(r"([0-6])([.,]0+)?", word, re.ASCII)
    return int(number[1]) if number else None


# Mid-tones, told apart on a white and on a near-black page alike. Colour never
# carries the meaning alone: the name stands beside it wherever it is used.
COLOURS = {
    "angry": "#e5484d",
    "disgust": "#5b9a3c",
    "fear": "#8e62d9",
    "happy": "#dfa000",
    "sad": "#3f8ae0",
    "surprise": "#ec7426",
    "neutral": "#8a929c",
}
