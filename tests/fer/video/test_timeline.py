import pytest

from fer.columns import PROBABILITIES
from fer.emotions import EMOTIONS
from fer.video.timeline import SMOOTHED, Timeline


def face(x, **shares):
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    probabilities = {f"p_{emotion}": shares.get(emotion, rest) for emotion in EMOTIONS}
    box = {"x1": x, "y1": 10.0, "x2": x + 50.0, "y2": 60.0}
    emotion = max(EMOTIONS, key=lambda name: probabilities[f"p_{name}"])
    return {"status": "ok", "face": 0, "emotion": emotion, **box, **probabilities}


def test_one_odd_answer_does_not_change_the_name_and_a_lasting_one_does():
    timeline = Timeline()
    shown = ["happy"] * 5 + ["sad"] + ["happy"] * 3 + ["sad"] * 6
    names = [
        timeline.add(number, number / 5, "v.mp4", [face(10.0, **{emotion: 0.8})])[0]["smoothed"]
        for number, emotion in enumerate(shown)
    ]
    assert names[:9] == ["happy"] * 9
    assert names[-3:] == ["sad"] * 3


def test_smoothed_shares_sum_to_one_and_raw_ones_stay():
    timeline = Timeline()
    for number in range(5):
        given = face(10.0, happy=0.2 * number)
        (row,) = timeline.add(number, number / 5, "v.mp4", [given])
        assert [row[name] for name in PROBABILITIES] == [given[name] for name in PROBABILITIES]
        assert sum(row[name] for name in SMOOTHED) == pytest.approx(1, abs=1e-4)
        assert row["smoothed_confidence"] == max(row[name] for name in SMOOTHED)


def test_each_track_is_smoothed_by_itself():
    timeline = Timeline()
    for number in range(5):
        rows = [face(10.0, happy=0.9), face(300.0, sad=0.9)]
        left, right = timeline.add(number, number / 5, "v.mp4", rows)
        assert (left["track"], left["smoothed"]) == (1, "happy")
        assert (right["track"], right["smoothed"]) == (2, "sad")


def test_without_smoothing_nothing_is_made_up():
    (row,) = Timeline(smoothing=0).add(0, 0.0, "v.mp4", [face(10.0, happy=0.9)])
    assert "smoothed" not in row
    assert row["track"] == 1


def test_the_past_is_learnt_from_the_rows():
    frames = [[face(10.0 + 8 * n, happy=0.1 * (n % 7)), face(500.0 - 9 * n)] for n in range(20)]
    whole, cut = Timeline(), Timeline()
    rows = [whole.add(n, n / 5, "v.mp4", frame) for n, frame in enumerate(frames)]
    cut.go_on(row for frame in rows[:8] for row in frame)
    assert cut.last == 7
    assert [cut.add(n, n / 5, "v.mp4", frames[n]) for n in range(8, 20)] == rows[8:]
