import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fer.errors import UnknownModel
from fer.networks import NETWORKS, ResidualBlock, build_network


def test_study_cnn_is_the_study_s_layer_by_layer():
    network = build_network("cnn")
    block = [nn.Conv2d, nn.ReLU, nn.BatchNorm2d, nn.MaxPool2d, nn.Dropout]
    dense = [nn.Flatten, nn.Linear, nn.ReLU, nn.BatchNorm1d, nn.Dropout, nn.Linear]
    layers = [layer for layer in network.modules() if not list(layer.children())]
    assert [type(layer) for layer in layers] == block * 4 + dense
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [32, 64, 128, 256]
    assert all(c.kernel_size == (3, 3) and c.padding == (0, 0) for c in convolutions)
    assert all(layer.p == 0.2 for layer in layers if isinstance(layer, nn.Dropout))
    # Counted by hand: convolutions 320 + 18,496 + 73,856 + 295,168, dense 131,584 + 3,591,
    # and two weights for each of the 480 + 512 channels that are normalised.
    assert sum(p.numel() for p in network.parameters()) == 524_999


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_faces_to_seven_logits(name):
    channels = 1 if name in ("cnn", "residual") else 3
    faces = torch.rand(2, channels, 48, 48)
    arguments = {"architecture": "mobilenetv1_100"} if name == "timm" else {}
    assert build_network(name, **arguments).eval()(faces).shape == (2, 7)


def test_residual_blocks_start_as_the_identity():
    torch.manual_seed(0)
    maps = torch.rand(2, 48, 24, 24)
    assert torch.equal(ResidualBlock(48, 48, stride=1).eval()(maps), maps)


def test_residual_network_grows_with_its_arguments():
    def count(**arguments):
        return sum(p.numel() for p in build_network("residual", **arguments).parameters())

    assert count() == 6_339_313
    assert count(width=24) < count()
    assert count(depths=(1, 1, 1, 1)) < count()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("vgg", {}), ("cnn", {"depth": 3}), ("timm", {"architecture": "nope"}), ("timm", {})],
)
def test_unknown_networks_are_refused(name, arguments):
    with pytest.raises(UnknownModel, match=f"'{name}'"):
        build_network(name, **arguments)


def test_lite_is_within_its_budget():
    network = build_network("lite").eval()
    assert sum(p.numel() for p in network.parameters()) <= 1_000_000
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.rand(1, 3, 48, 48))
    assert counter.get_total_flops() / 2 <= 20_000_000
