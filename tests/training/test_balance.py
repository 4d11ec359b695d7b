import pytest
import torch

from training.balance import class_weights, epoch_order, logit_offsets

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
