import pytest
import torch

from fer.faces.preprocessing import Preprocessing
from fer.ferplus import NO_MAJORITY
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


def test_flip_averages_an_image_and_its_mirror():
    torch.manual_seed(0)
    network = build_network("cnn").eval()
    images = torch.randint(256, (5, 1, 48, 48), dtype=torch.uint8)
    both = answer_views(network, Preprocessing(), images)["flip"].softmax(1)
    one = predict_logits(network, Preprocessing(), images).softmax(1)
    other = predict_logits(network, Preprocessing(), images.flip(-1)).softmax(1)
    assert torch.allclose(both, (one + other) / 2, atol=1e-6)
    mirrored = answer_views(network, Preprocessing(), images.flip(-1))["flip"].softmax(1)
    assert torch.allclose(both, mirrored, atol=1e-6)


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
