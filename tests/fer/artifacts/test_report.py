import pytest
from scipy.stats import binomtest

from fer.artifacts import Artifact
from fer.artifacts.report import accuracy_interval
from fer.errors import UnknownModel


@pytest.mark.parametrize(("correct", "images"), [(0, 10), (7, 10), (10, 10), (2300, 3589)])
def test_interval_is_wilson_s(correct, images):
    expected = binomtest(correct, images).proportion_ci(0.95, method="wilson")
    assert accuracy_interval(correct, images) == pytest.approx((expected.low, expected.high))


def test_no_images_leave_everything_open():
    assert accuracy_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("text", [None, "", "{}", '{"splits": {"test": 3}}', "[1, 2]"])
def test_missing_or_damaged_metrics_are_named(text, tmp_path):
    if text is not None:
        (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(UnknownModel, match=r"metrics\.json"):
        Artifact(tmp_path).metrics  # noqa: B018
