"""The seven emotions: their names, their order and their colours, defined once.

The order is FER-2013's own (label 0 is angry, 6 is neutral), so a network's
output column, a label in the data and a position in `EMOTIONS` are one number.
"""

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

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
