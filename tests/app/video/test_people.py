import time

import numpy as np
import pandas as pd
import pytest

from app.video.people import changes, people, probabilities
from fer.emotions import EMOTIONS
from fer.video.timeline import TIMELINE


def table(*shown, track=1, start=0.0, span=0.2):
    rows = [
        {"status": "ok", "track": track, "time": start + span * n, "emotion": "neutral",
         "smoothed": name}
        | {f"s_{emotion}": float(emotion == name) for emotion in EMOTIONS}
        for n, name in enumerate(shown)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(TIMELINE.columns))


def test_people_are_told_apart_and_the_longest_seen_comes_first():
    both = pd.concat([table("sad", track=1), table("happy", "happy", "sad", "sad", track=2)])
    first, second = people(both)
    assert (first.track, second.track) == (2, 1)
    assert first.seconds == pytest.approx(0.8)
    assert first.shares["happy"] == first.shares["sad"] == 0.5
    assert tuple(first.shares) == EMOTIONS
    assert sum(second.shares.values()) == 1


def test_ten_thousand_people_take_one_pass_over_the_table():
    number = np.arange(200_000)
    rows = pd.DataFrame({"track": number % 10_000 + 1, "time": 0.2 * number})
    rows = rows.assign(status="ok", emotion="sad", smoothed="sad")
    began = time.thread_time()
    everyone = people(rows)
    assert time.thread_time() - began < 4  # of this thread; a pass for each took over five
    assert [person.track for person in everyone] == list(range(1, 10_001))
    assert {len(person.rows) for person in everyone} == {20}


def test_what_lasts_is_a_change_and_what_flickers_is_none():
    (person,) = people(table("sad", "sad", "sad", "happy", "sad", "sad", "happy", "happy", "happy"))
    assert changes(person).to_dict("records") == [
        {"time": pytest.approx(1.2), "track": 1, "from": "sad", "to": "happy"}
    ]


def test_without_smoothing_the_raw_answers_count():
    rows = table("sad", "sad").assign(smoothed=None)
    rows[[f"p_{emotion}" for emotion in EMOTIONS]] = 1 / 7
    (person,) = people(rows)
    assert person.shares["neutral"] == 1
    assert probabilities(person.rows).iloc[0].tolist() == pytest.approx([1 / 7] * 7)
