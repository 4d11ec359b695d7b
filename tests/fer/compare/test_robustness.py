from fer.artifacts.robustness import Robustness
from fer.compare.robustness import severity_table


def test_a_measure_that_no_image_has_a_label_by_is_left_out():
    counts = {"blur": [0] * 5}
    found = Robustness(
        "test", 0, {}, {"label": 2, "votes": 0}, {"label": 2, "votes": 0},
        {"label": counts, "votes": counts},
    )  # fmt: skip
    assert len(severity_table({"tiny": found}, "label")) == 6
    assert severity_table({"tiny": found}, "votes").empty
