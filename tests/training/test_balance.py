import pytest
import torch

from training.balance import choose_strength, class_weights, epoch_order, log_prior, logit_offsets

LABELS = torch.tensor([3] * 600 + [6] * 300 + [1] * 100)
TARGETS = torch.nn.functional.one_hot(LABELS, 7).float()


def test_inverse_weights_give_every_class_the_same_say():
    weights = class_weights("inverse", TARGETS)
    assert (weights[3] * 600).item() == pytest.approx((weights[1] * 100).item())
    assert weights[LABELS].mean() == pytest.approx(1)


def test_effective_weights_lie_between_even_and_inverse():
    effective, inverse = (class_weights(kind, TARGETS) for kind in ("effective", "inverse"))
    assert 1 < effective[1] / effective[3] < inverse[1] / inverse[3]
    assert effective[LABELS].mean() == pytest.approx(1)


def test_logits_learn_with_the_prior():
    assert logit_offsets("logits", TARGETS)[[3, 6, 1]].exp().tolist() == pytest.approx(
        [0.6, 0.3, 0.1]
    )


def test_sampler_draws_every_class_equally_often():
    order = epoch_order("sampler", LABELS, torch.Generator().manual_seed(0))
    assert len(order) == len(LABELS)
    for share in LABELS[order].bincount(minlength=7)[[1, 3, 6]] / len(LABELS):
        assert share == pytest.approx(1 / 3, abs=0.05)


def test_without_balance_every_image_is_seen_once():
    order = epoch_order("none", LABELS, torch.Generator().manual_seed(0))
    assert order.sort().values.tolist() == list(range(len(LABELS)))
    assert class_weights("none", TARGETS) is None
    assert logit_offsets("none", TARGETS) is None


def answers(rows):
    """One view of faces, for each how surely it names neutral rather than disgust."""
    logits = torch.full((1, len(rows), 7), -50.0)
    logits[0, :, 6] = torch.tensor(rows)
    logits[0, :, 1] = 0.0
    return logits


def test_rare_emotions_are_named_more_often_as_far_as_the_accuracy_bears_it():
    prior = log_prior(torch.nn.functional.one_hot(torch.tensor([6] * 99 + [1]), 7).float())
    gap = (prior[6] - prior[1]).item()  # 4.6: what a strength of 1 takes from neutral
    truth = torch.tensor([1] * 10 + [6] * 90)
    # 90 of 100 are right without it, give or take 3. From 0.15 on a face of disgust is found, from
    # 0.25 on all ten are, and neutral faces are lost from where the case says.
    disgust = [0.12 * gap] + [0.22 * gap] * 9
    for lost, at, chosen in ((3, 0.02, 0.25), (3, 0.27, 0.25), (4, 0.02, 0.25), (20, 0.17, 0.15)):
        neutral = [at * gap] * lost + [0.9 * gap] * (90 - lost)
        assert choose_strength(answers([*disgust, *neutral]), prior, truth) == chosen
    rarer = [0.12 * gap] + [0.9 * gap] * 9  # one is found; four are more than a standard error
    neutral = [0.02 * gap] * 4 + [0.9 * gap] * 86
    assert choose_strength(answers([*rarer, *neutral]), prior, truth) == 0.15
    neutral = [0.02 * gap] * 5 + [0.9 * gap] * 85
    assert choose_strength(answers([*rarer, *neutral]), prior, truth) == 0


def test_a_strength_is_chosen_for_the_mean_of_all_views():
    prior = log_prior(torch.nn.functional.one_hot(torch.tensor([6] * 99 + [1]), 7).float())
    gap = (prior[6] - prior[1]).item()
    truth = torch.tensor([1, 6])
    first, second = answers([0.1 * gap, 0.9 * gap]), answers([0.4 * gap, 0.9 * gap])
    alone = choose_strength(first, prior, truth)
    both = choose_strength(torch.cat([first, second]), prior, truth)
    assert alone < both < 0.45
