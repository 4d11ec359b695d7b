import pytest

from fer.compare.references import STUDY
from fer.compare.study import CONCLUSIONS, EXPERIMENTS, Conclusion, steps, verdict
from tests.made import predictions

LABELS = ["happy"] * 40


def model(name, right):
    """A model that is right on the first so many of forty images."""
    return predictions(name, LABELS, ["happy"] * right + ["sad"] * (40 - right))


def by_order(*rights):
    """Test the order a, b, … of models that are right on so many images."""
    names = "abcd"[: len(rights)]
    models = {name: model(name, right) for name, right in zip(names, rights, strict=True)}
    return steps(Conclusion("", (("x", "y"), tuple("abcd")), ""), models)


@pytest.mark.parametrize(
    ("rights", "verdicts", "whole"),
    [
        ((5, 30), ["agrees"], "Our runs agree"),
        ((30, 5), ["disagrees"], "Our runs disagree"),
        ((20, 21), ["could be chance"], "Our runs do not show it"),
        ((5, 20, 40), ["agrees", "agrees"], "Our runs agree"),
        ((5, 30, 31), ["agrees", "could be chance"], "Our runs agree in part"),
        ((5, 30, 5), ["agrees", "disagrees"], "Our runs agree in part"),
        ((20,), [], "No run here answers it"),
    ],
)
def test_a_conclusion_is_tested_step_by_step(rights, verdicts, whole):
    found = by_order(*rights)
    assert [step.verdict for step in found] == verdicts
    assert verdict(found) == whole


def test_a_step_is_corrected_for_how_many_there_are():
    # Six images that only the better gets right: p is 2 / 2 ** 6.
    (alone,) = by_order(20, 26)
    assert alone.p_corrected == pytest.approx(0.03125)
    assert alone.verdict == "agrees"
    first, _ = by_order(20, 26, 27)
    assert first.p_corrected == pytest.approx(0.0625)
    assert first.verdict == "could be chance"


def test_each_network_that_has_runs_is_a_step_and_none_is_held_against_another_s():
    models = {name: model(name, right) for name, right in (("a", 5), ("b", 30), ("x", 30))}
    models["y"] = model("y", 5)
    found = steps(Conclusion("", (("a", "b"), ("x", "y")), ""), models)
    assert [(step.result.first, step.result.second) for step in found] == [("a", "b"), ("x", "y")]
    assert verdict(found) == "Our runs agree in part"


def test_each_experiment_of_the_study_has_its_recipe_and_a_stand_in_says_so():
    assert [experiment.study for experiment in EXPERIMENTS] == list(STUDY)
    frozen = EXPERIMENTS[2]
    assert frozen.model({"cnn"}) is None
    assert frozen.model({"efficientnet_lite2-frozen"}) == "efficientnet_lite2-frozen"
    assert frozen.stands_in("efficientnet_lite2-frozen")
    both = {"efficientnet_lite2-frozen", "efficientnet_v2_l-frozen"}
    assert frozen.model(both) == "efficientnet_v2_l-frozen"
    assert not frozen.stands_in("efficientnet_v2_l-frozen")


def test_models_are_named_as_their_recipes_are():
    from training.recipe import list_recipes

    orders = [name for conclusion in CONCLUSIONS for order in conclusion.orders for name in order]
    ours = [name for experiment in EXPERIMENTS for name in experiment.ours]
    assert {*orders, *ours} <= set(list_recipes())
