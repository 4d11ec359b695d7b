import dataclasses

import pytest
import torch

from training.augment import Augmentation

OFF = Augmentation(
    flip=0, rotate=0, shift=0, zoom=0, brightness=0, contrast=0, erase=0, erase_area=0.2, mixup=0
)


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(64, 1, 6, 6, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=48, mode="bilinear")
    return (smooth * 255).to(torch.uint8)


def apply(images, seed=0, **changes):
    policy = dataclasses.replace(OFF, **changes)
    targets = torch.eye(7)[torch.arange(len(images)) % 7]
    return policy(images, targets, torch.Generator().manual_seed(seed))


def test_everything_off_changes_nothing(images):
    out, targets = apply(images)
    assert torch.allclose(out, images.float() / 255, atol=1e-5)
    assert torch.equal(targets, torch.eye(7)[torch.arange(64) % 7])


def test_flip_mirrors(images):
    out, _ = apply(images, flip=1)
    assert torch.allclose(out, images.flip(-1).float() / 255, atol=1e-5)


def test_rotation_keeps_the_shape_and_reaches_its_limit():
    # A horizontal bar: where it crosses the left and right edge tells the angle.
    bar = torch.zeros(256, 1, 48, 48, dtype=torch.uint8)
    bar[:, :, 23:25] = 255
    out, _ = apply(bar, rotate=10)
    rows = torch.arange(48.0).view(1, 48, 1)
    height = (out[:, 0] * rows).sum(1) / out[:, 0].sum(1)
    angle = torch.atan2(height[:, 40] - height[:, 7], torch.tensor(33.0)).rad2deg()
    assert angle.abs().max() == pytest.approx(10, abs=0.5)
    assert angle.min() < -9
    assert angle.max() > 9


def test_crop_is_a_window_at_a_place_of_its_own():
    ramp = (torch.arange(48, dtype=torch.uint8) * 5).repeat(200, 1, 48, 1)
    out, _ = apply(ramp, crop=40)
    columns = out[:, 0, 24] * 255 / 5  # which column each pixel came from
    assert torch.allclose(columns[:, 40] - columns[:, 7], torch.tensor(33 * 40 / 48), atol=0.02)
    left = columns[:, 7] - (7.5 * 40 / 48 - 0.5)  # the window's left edge
    assert left.min() == pytest.approx(0, abs=0.3)
    assert left.max() == pytest.approx(8, abs=0.3)


@pytest.mark.parametrize(
    "changes",
    [
        {"flip": 0.5},
        {"rotate": 10},
        {"shift": 0.1},
        {"zoom": 0.2},
        {"crop": 40},
        {"brightness": 0.2},
        {"contrast": 0.3},
        {"erase": 0.5},
    ],
)
def test_every_image_has_a_draw_of_its_own(changes, images):
    same = images[:1].repeat(64, 1, 1, 1)
    out, _ = apply(same, **changes)
    assert len({image.numpy().tobytes() for image in out}) > (1 if "flip" in changes else 20)
    assert out.min() >= 0
    assert out.max() <= 1


def test_erasing_covers_the_share_it_says(images):
    out, _ = apply(images.repeat(16, 1, 1, 1), erase=1, erase_area=0.2)
    changed = (out - images.repeat(16, 1, 1, 1).float() / 255).abs() > 1e-5
    share = changed.float().mean(dim=(1, 2, 3))
    assert share.max() <= 0.2 * 1.15  # a rectangle covers whole pixels
    assert 0.04 < share.mean() < 0.11  # half is 0.11; what lies over the edge is lost


def test_mixup_mixes_images_and_targets_alike(images):
    out, targets = apply(images, mixup=0.4)
    assert torch.allclose(targets.sum(1), torch.ones(64))
    assert (targets.max(1).values < 0.999).any()
    before = images.float() / 255
    # Where the target says share s of another class, the image is that mix of two images.
    own = targets[torch.arange(64), torch.arange(64) % 7]
    rest = (out - own.view(-1, 1, 1, 1) * before) / (1 - own).clamp(min=1e-6).view(-1, 1, 1, 1)
    index = (own < 0.9).nonzero()[0].item()
    nearest = (before - rest[index]).abs().mean(dim=(1, 2, 3)).min()
    assert nearest < 1e-3


def test_same_seed_same_images(images):
    everything = {"flip": 0.5, "rotate": 10, "erase": 0.5, "mixup": 0.2}
    first, second = (apply(images, seed=7, **everything)[0] for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, apply(images, seed=8, **everything)[0])
