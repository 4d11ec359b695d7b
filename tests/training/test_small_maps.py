"""A convolution computed as a matrix product is the same convolution."""

import copy

import pytest
import torch
from torch import nn

from fer.networks import build_network
from training.small_maps import use_matrix_products


def gradients(network: nn.Module, faces: torch.Tensor) -> tuple[torch.Tensor, dict]:
    torch.manual_seed(0)  # dropout
    outputs = network(faces)
    outputs.square().sum().backward()
    return outputs, {name: value.grad for name, value in network.named_parameters()}


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(2, 2), (3, 4), (7, 7)])
def test_equals_the_convolution(kernel, stride, size):
    torch.manual_seed(0)
    usual = nn.Sequential(nn.Conv2d(6, 5, kernel, stride, padding=kernel // 2, bias=False)).double()
    products = copy.deepcopy(usual)
    use_matrix_products(products)
    maps = torch.randn(3, 6, *size, dtype=torch.double).to(memory_format=torch.channels_last)
    inputs = [maps.clone().requires_grad_(), maps.clone().requires_grad_()]
    expected, expected_gradients = gradients(usual, inputs[0])
    outputs, found_gradients = gradients(products, inputs[1])
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(found_gradients, expected_gradients)
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad)


@pytest.mark.parametrize("name", ["residual", "resnet50", "lite"])
def test_a_network_keeps_its_outputs_and_gradients(name):
    torch.manual_seed(0)
    usual = build_network(name).double().train()
    products = copy.deepcopy(usual)
    use_matrix_products(products)
    faces = torch.randn(4, 1 if name == "residual" else 3, 48, 48, dtype=torch.double)
    expected, expected_gradients = gradients(usual, faces)
    outputs, found_gradients = gradients(products, faces)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(found_gradients, expected_gradients, rtol=1e-5, atol=1e-6)
    assert products.state_dict().keys() == usual.state_dict().keys()


def test_leaves_what_it_does_not_know_as_it_is():
    others = nn.Sequential(
        nn.Conv2d(4, 4, 3, groups=4, bias=False),
        nn.Conv2d(4, 4, 3),  # with a bias
        nn.Conv2d(4, 4, 3, dilation=2, bias=False),
        nn.Conv2d(4, 4, (1, 3), bias=False),
        nn.Conv2d(4, 4, 3, padding="same", bias=False),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect", bias=False),
    )
    use_matrix_products(others)
    assert all(type(module) is nn.Conv2d for module in others)
