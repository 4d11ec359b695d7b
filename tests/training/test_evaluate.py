import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fer.config import ModelConfig
from fer.ensemble import Ensemble
from fer.faces.preprocessing import VIEWS, Preprocessing
from fer.ferplus import ANSWERS, NO_MAJORITY
from fer.networks import build_network, predict_logits
from training.data import Split
from training.evaluate import answer_views, evaluate, fit_temperature, fit_threshold, measure


def test_figures_of_a_case_counted_by_hand():
    labels = torch.tensor([0, 0, 0, 0, 3, 3, 6, 6, 6, 6])
    answers = torch.tensor([0, 0, 3, 6, 3, 3, 6, 6, 6, 0])
    logits = torch.eye(7)[answers] * 5
    figures = measure(logits, labels, temperature=1.0)
    assert (figures["correct"], figures["images"], figures["accuracy"]) == (7, 10, 0.7)
    assert figures["per_class"]["angry"] == pytest.approx(
        {"precision": 2 / 3, "recall": 0.5, "f1": 4 / 7, "support": 4}
    )
    assert figures["per_class"]["happy"]["precision"] == pytest.approx(2 / 3)
    assert figures["confusion_matrix"][0] == [2, 0, 0, 1, 0, 0, 1]
    sure = torch.tensor(5.0).exp() / (torch.tensor(5.0).exp() + 6)
    expected = -(7 * sure.log() + 3 * ((1 - sure) / 6).log()) / 10
    assert figures["log_loss"] == pytest.approx(expected.item(), rel=1e-4)
    assert figures["calibration_error"] == pytest.approx(sure.item() - 0.7, abs=1e-4)


def test_temperature_is_found():
    generator = torch.Generator().manual_seed(0)
    true_logits = torch.randn(20_000, 7, generator=generator) * 2
    labels = torch.multinomial(true_logits.softmax(1), 1, generator=generator).squeeze(1)
    assert fit_temperature(true_logits * 2.5, labels) == pytest.approx(2.5, rel=0.05)


def test_threshold_is_where_nine_of_ten_named_faces_are_right():
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(20_000, generator=generator) * 0.8 + 0.2
    right = torch.rand(20_000, generator=generator) < confidence
    probabilities = ((1 - confidence) / 6)[:, None].repeat(1, 7)
    probabilities[:, 3] = confidence
    majority = torch.where(right, 3, 4)
    # From x on, calibrated answers spread evenly are right in (1 + x) / 2 of all cases.
    assert fit_threshold(probabilities, majority) == pytest.approx(0.8, abs=0.02)
    majority[confidence > 0.9] = NO_MAJORITY
    assert fit_threshold(probabilities, majority) > 0.85
    assert fit_threshold(probabilities, torch.full_like(majority, 4)) == 1
    assert fit_threshold(probabilities, torch.full_like(majority, NO_MAJORITY)) == 0


def test_threshold_counts_all_faces_that_are_equally_sure():
    probabilities = torch.full((4, 7), 0.05)
    probabilities[:, 3] = 0.7
    # The first alone is right, and nobody can name it without the three others.
    assert fit_threshold(probabilities, torch.tensor([3, 4, 4, 4])) == 1
    probabilities[0, 3] = 0.8
    assert fit_threshold(probabilities, torch.tensor([3, 4, 4, 4])) == pytest.approx(0.8)


def test_views_average_an_image_its_mirror_and_the_middles_of_both():
    torch.manual_seed(0)
    network = build_network("cnn").eval()
    images = torch.randint(256, (5, 1, 48, 48), dtype=torch.uint8)
    middles = F.interpolate(images[..., 2:46, 2:46].float() / 255, size=(48, 48), mode="bilinear")
    looks = (images, images.flip(-1), middles, middles.flip(-1))
    looked = [predict_logits(network, Preprocessing(), look).softmax(1) for look in looks]
    each = dict(zip(itertools.product((False, True), repeat=2), looked, strict=True))
    answers = answer_views(network, Preprocessing(), images)
    for views, wanted in VIEWS.items():
        expected = torch.stack([each[view.enlarged, view.mirrored] for view in wanted]).mean(0)
        assert torch.allclose(answers[views].softmax(1), expected, atol=1e-6), views
        asked = predict_logits(network, Preprocessing(views=views), images)
        assert torch.allclose(asked.softmax(1), expected, atol=1e-6), views
    mirrored = answer_views(network, Preprocessing(), images.flip(-1))["zoom"].softmax(1)
    assert torch.allclose(answers["zoom"].softmax(1), mirrored, atol=1e-6)


@pytest.mark.parametrize(("own", "asked"), [("plain", ["plain", "flip"]), ("zoom", ["plain"])])
def test_an_ensemble_leaves_views_to_its_members(own, asked):
    members = [(ModelConfig("cnn", preprocessing=Preprocessing(views=own)), build_network("cnn"))]
    images = torch.randint(256, (5, 1, 48, 48), dtype=torch.uint8)
    assert list(answer_views(Ensemble(members), Preprocessing(), images)) == asked


def test_an_ensemble_that_asks_mirrors_of_members_that_do_is_measured_so(
    train, validation, test_split
):
    mirrored = Preprocessing(views="flip")
    ensemble = Ensemble([(ModelConfig("cnn", preprocessing=mirrored), build_network("cnn"))])
    config = ModelConfig("ensemble", {"members": ["cnn"]}, mirrored)
    result = evaluate(ensemble, mirrored, train, validation, test_split, as_configured=config)
    assert result.views == "flip"


class Told(nn.Module):
    """Says of each view whether it is an enlarged middle, whose corner the ring around it lacks."""

    def __init__(self, sure: float):
        super().__init__()
        self.sure = nn.Parameter(torch.tensor(sure))

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        whole = faces[:, 0, 0, 0] > 0.9
        right = F.one_hot((faces[:, 0, 24, 24] * 10).round().long(), 7)
        wrong = right.roll(1, dims=1)
        return torch.where(whole[:, None], wrong * 1.0, right * self.sure)


@pytest.mark.parametrize(("sure", "chosen"), [(2.0, "cross"), (0.5, "plain")])
def test_the_views_that_validate_best_are_chosen_and_of_equal_ones_the_fewest(
    sure, chosen, train, validation, test_split
):
    def ringed(split: Split) -> Split:
        images = torch.full((len(split), 1, 48, 48), 255, dtype=torch.uint8)
        images[..., 2:46, 2:46] = (split.labels * 25.5).round().to(torch.uint8).view(-1, 1, 1, 1)
        return dataclasses.replace(split, images=images)

    network = Told(sure)
    result = evaluate(
        network, Preprocessing(), ringed(train), ringed(validation), ringed(test_split)
    )
    assert result.views == chosen
    right = {view: result.splits["test"][view]["accuracy"] for view in VIEWS}
    enlarged = float(chosen == "cross")
    assert right == {"plain": 0, "flip": 0, "cross": enlarged, "zoom": enlarged}


def test_duplicates_of_train_are_left_out_of_the_clean_row(train, validation, test_split):
    images = test_split.images.clone()
    images[:20] = train.images[:20]
    doubled = Split(images, test_split.labels, test_split.votes, test_split.rows)
    result = evaluate(build_network("cnn"), Preprocessing(), train, validation, doubled)
    assert result.splits["test"]["plain"]["images"] == 77
    assert result.splits["test"]["not_in_train"]["images"] == 57


def test_predictions_give_the_stated_accuracy(train, validation, test_split):
    result = evaluate(build_network("cnn"), Preprocessing(), train, validation, test_split)
    table = result.predictions
    assert table["row"].tolist() == test_split.rows.tolist()
    answers = table.filter(like="p_").to_numpy().argmax(1)
    assert (answers == table["label"]).sum() == result.splits["test"]["plain"]["correct"]
    assert table.filter(like="p_").sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)


def test_both_measures_are_taken_and_one_chooses(train, validation, test_split):
    # The annotators saw another class than the label says, on all but five images without votes.
    torn = dataclasses.replace(test_split, labels=(test_split.labels + 1) % 7)
    torn.votes[:5] = 0
    learnt = dataclasses.replace(validation, labels=(validation.labels + 1) % 7)
    torch.manual_seed(1)  # one whose guesses are not so bad that its temperature levels them
    result = evaluate(build_network("cnn"), Preprocessing(), train, learnt, torn, by="votes")
    split, own = result.splits["test"], result.views
    assert (split[own]["images"], split["votes"][own]["images"]) == (77, 72)
    named = result.predictions.filter(like="p_").to_numpy().argmax(1)
    known = torn.majority.numpy() >= 0
    assert (named == torn.labels.numpy()).sum() == split[own]["correct"]
    assert (named == torn.majority.numpy())[known].sum() == split["votes"][own]["correct"]
    assert np.stack(result.predictions["ferplus_votes"]).tolist() == torn.votes.tolist()
    # A majority of ten: against it and against the votes' distribution the loss is the same.
    assert split["votes"][own]["cross_entropy"] == pytest.approx(split["votes"][own]["log_loss"])
    by_label = evaluate(build_network("cnn"), Preprocessing(), train, learnt, torn, by="label")
    assert by_label.temperature != result.temperature


def test_contempt_counts_as_wrong_among_eight_classes(train, validation, test_split):
    contempt = test_split.votes.clone()
    contempt[:7] = 0
    contempt[:7, ANSWERS.index("contempt")] = 9
    split = dataclasses.replace(test_split, votes=contempt)
    votes = evaluate(build_network("cnn"), Preprocessing(), train, validation, split).splits[
        "test"
    ]["votes"]
    assert votes["plain"]["images"] == 70
    assert votes["eight_classes"]["images"] == 77
    assert votes["eight_classes"]["correct"] <= votes["plain"]["images"]


def test_a_model_is_measured_as_it_is_configured(train, validation, test_split):
    config = ModelConfig("cnn", preprocessing=Preprocessing(views="flip"), temperature=3.0)
    network = build_network("cnn")
    result = evaluate(
        network, config.preprocessing, train, validation, test_split, as_configured=config,
        ten_crop=True,
    )  # fmt: skip
    assert (result.views, result.temperature) == ("flip", 3.0)
    assert "ten_crop" in result.splits["test"]
    logits = predict_logits(network, config.preprocessing, test_split.images)
    expected = (logits / 3).softmax(1).numpy()
    assert result.predictions.filter(like="p_").to_numpy() == pytest.approx(expected, abs=1e-5)
