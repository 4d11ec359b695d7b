import numpy as np
import pytest

from fer.compare.agreement import LeftOut, agreed, suspect_labels
from fer.emotions import EMOTIONS
from fer.ferplus import ANSWERS

HAPPY, SAD, NEUTRAL = (EMOTIONS.index(name) for name in ("happy", "sad", "neutral"))


def votes(*images):
    """Count votes: an image is a dictionary of answers."""
    counts = np.zeros((len(images), len(ANSWERS)), dtype=int)
    for row, image in enumerate(images):
        for answer, count in image.items():
            counts[row, ANSWERS.index(answer)] = count
    return counts


def test_agreed_counts_emotions_only():
    assert agreed(votes({"happy": 6, "sad": 4}, {"contempt": 7, "sad": 3})).tolist() == [6, 3]


def test_the_ceiling_of_one_against_the_nine_others():
    # All agree: always right. Six to four: the six are right, nine others being five to four; the
    # four too find the happy ones in the majority, and are wrong.
    assert LeftOut.of(votes({"happy": 10})).ceiling() == 1
    assert LeftOut.of(votes({"happy": 6, "sad": 4})).ceiling() == pytest.approx(0.6)
    assert LeftOut.of(votes({"happy": 10}, {"happy": 6, "sad": 4})).ceiling() == pytest.approx(0.8)


def test_what_the_others_do_not_agree_on_is_left_out():
    # Five to five: whoever is left out leaves the other side in the majority, and is wrong.
    tied = LeftOut.of(votes({"happy": 5, "sad": 5}))
    assert tied.ceiling() == 0
    # One of two is left: without the one who said happy it is sad.
    three = LeftOut.of(votes({"happy": 2, "sad": 1}))
    assert three.others.tolist() == [HAPPY]  # leaving out a happy one makes it one to one
    assert three.ceiling() == 0
    assert len(LeftOut.of(votes({"contempt": 10})).image) == 0


def test_contempt_is_an_annotators_mistake_where_others_see_an_emotion():
    assert LeftOut.of(votes({"happy": 8, "contempt": 2})).ceiling() == pytest.approx(0.8)


def test_a_model_is_held_against_the_same_others():
    left_out = LeftOut.of(votes({"happy": 6, "sad": 4}, {"happy": 5, "sad": 5}))
    assert left_out.accuracy(np.array([HAPPY, HAPPY])) == pytest.approx((1 + 0.5) / 2)
    assert left_out.accuracy(np.array([SAD, NEUTRAL])) == 0


def test_the_ceiling_is_what_drawing_annotators_gives():
    generator = np.random.default_rng(0)
    counts = generator.multinomial(10, generator.dirichlet(np.full(len(ANSWERS), 0.3), 300))
    right = total = 0
    for image in counts:
        people = np.repeat(np.arange(len(ANSWERS)), image)
        for one in range(10):
            rest = np.bincount(np.delete(people, one), minlength=len(ANSWERS))
            first, second = np.sort(rest)[::-1][:2]
            if first > second and ANSWERS[rest.argmax()] in EMOTIONS:
                total += 1
                right += people[one] == rest.argmax()
    assert LeftOut.of(counts).ceiling() == pytest.approx(right / total)


def made():
    """Six images labelled happy and sad; the last happy one is sad to models and annotators."""
    labels = np.array([HAPPY] * 3 + [SAD] * 3)
    probabilities = np.full((6, 7), 0.02)
    probabilities[[0, 1, 2, 3, 4, 5], [HAPPY, HAPPY, SAD, SAD, SAD, SAD]] = 0.88
    counts = votes(
        {"happy": 10}, {"sad": 9, "happy": 1}, {"sad": 8, "happy": 2}, *[{"sad": 10}] * 3
    )
    return labels, probabilities, counts


def test_a_label_is_suspect_where_both_speak_against_it():
    found = suspect_labels(*made())
    assert found["image"].tolist() == [2]  # of image 1 the annotators alone think otherwise
    line = found.iloc[0]
    assert (line["label"], line["suggested"]) == ("happy", "sad")
    assert (line["votes_label"], line["votes_suggested"]) == (2, 8)
    assert (line["p_label"], line["p_suggested"]) == (0.02, 0.88)


def test_a_model_that_is_less_sure_than_usual_does_not_speak_against_a_label():
    labels, probabilities, counts = made()
    probabilities[2, [HAPPY, SAD]] = 0.1, 0.8
    assert suspect_labels(labels, probabilities, counts).empty
