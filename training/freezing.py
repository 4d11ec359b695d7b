"""Transfer: where weights come from, and which of a network's layers learn."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision import models as torchvision_models

from fer.artifacts import find_model, load_network
from fer.artifacts.report import Report
from fer.errors import FerError, UnknownModel
from fer.faces.preprocessing import Preprocessing


def initialise(network: nn.Module, architecture: str, init: str) -> str:
    """Give a fresh network its first weights and return what they truly are.

    Args:
        network: changed in place.
        architecture: its name in `fer.networks.NETWORKS`, which torchvision uses too.
        init: `scratch`; `imagenet` for torchvision's weights, downloaded and checked against
            their hash; or a model of this project, by name or folder.

    Raises:
        FerError: if the weights cannot be had or do not fit.
    """
    if init == "scratch":
        return "scratch"
    if init == "imagenet":
        _copy_all_but_the_head(network, _imagenet_weights(architecture), "ImageNet's weights")
        return "imagenet"
    folder = find_model(init)
    config, source = load_network(folder)
    if config.network != architecture:
        raise FerError(f"{folder} holds a {config.network}, not a {architecture}.")
    _copy_all_but_the_head(network, source.state_dict(), f"The weights in {folder}")
    return f"{Path(init).name} ({Report.read(folder).metrics['init']})"


def _imagenet_weights(architecture: str) -> dict[str, Tensor]:
    if architecture not in torchvision_models.list_models():
        raise FerError(f"There are no ImageNet weights for {architecture!r}.")
    weights = torchvision_models.get_model_weights(architecture).DEFAULT
    try:
        return weights.get_state_dict(progress=True, check_hash=True)
    except OSError as error:
        raise FerError(
            f"ImageNet's weights cannot be reached at {weights.url} ({error}): "
            "give init=scratch, or a model of this project to start from."
        ) from error


def _copy_all_but_the_head(network: nn.Module, weights: dict[str, Tensor], what: str) -> None:
    """Copy weights into a network, except those of its last layer, which is another task's."""
    own = network.state_dict()
    head = {name for name in own if name.startswith(head_name(network) + ".")}
    fitting = {name: value for name, value in weights.items() if name not in head}
    if mismatched := sorted(
        name
        for name in (own.keys() - head) ^ fitting.keys()
        | {name for name in own.keys() & fitting.keys() if own[name].shape != fitting[name].shape}
    ):
        raise UnknownModel(f"{what} do not fit: {mismatched[0]} differs.")
    network.load_state_dict(own | fitting)


def head_name(network: nn.Module) -> str:
    """Return the qualified name of the last linear layer, which maps features to emotions."""
    return [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)][-1]


@torch.no_grad()
def layers_in_forward_order(network: nn.Module, preprocessing: Preprocessing) -> list[nn.Module]:
    """Return a network's leaf modules in the order in which a face passes through them."""
    order: list[nn.Module] = []

    def note(module: nn.Module, inputs: object, output: object) -> None:
        if module not in order:
            order.append(module)

    leaves = [module for module in network.modules() if not list(module.children())]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    training = network.training
    size = preprocessing.size
    network.eval()(torch.zeros(1, preprocessing.channels, size, size))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return order


def freeze(network: nn.Module, preprocessing: Preprocessing, unfreeze_last: int) -> list[nn.Module]:
    """Freeze all layers but the last, and return the frozen ones.

    Args:
        network: on the CPU; changed in place.
        unfreeze_last: how many leaf modules learn, counted from the last in forward order. 0
            leaves the head alone to learn, -1 everything.

    Returns:
        The modules to hold in evaluation mode while training, so that their batch-norm
        statistics stay as they are.
    """
    if unfreeze_last == -1:
        return []
    layers = layers_in_forward_order(network, preprocessing)
    head = network.get_submodule(head_name(network))
    learning = {head, *layers[max(len(layers) - unfreeze_last, 0) :]}
    frozen = [layer for layer in layers if layer not in learning]
    for layer in frozen:
        layer.requires_grad_(False)
    return frozen
