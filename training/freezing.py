"""Transfer: where weights come from, and which of a network's layers learn."""

import pickle
from pathlib import Path
from typing import cast

import timm
import torch
from torch import Tensor, nn
from torchvision import models as torchvision_models
from torchvision.models.efficientnet import FusedMBConv, MBConv

from fer.artifacts import Artifact
from fer.errors import FerError, UnknownModel, first_line
from fer.faces.preprocessing import Faces, Preprocessing
from fer.networks import evaluating
from training.first_weights import FIRST_WEIGHTS, find_first_weights
from training.heads import last_layer
from training.recipe import Recipe


def initialise(network: nn.Module, recipe: Recipe) -> str:
    """Give a fresh network the first weights of its recipe and return what they truly are.

    Args:
        network: changed in place.
        recipe: its `init` is `scratch`; `imagenet` for torchvision's weights, whose hash is
            checked as they are downloaded; `timm` for those that timm fetches from the Hub; a name
            of `training.first_weights`; or a model of this project, by name or folder.

    Raises:
        FerError: if the weights cannot be had or do not fit.
    """
    init, architecture = recipe.init, recipe.network
    if init == "scratch":
        return "scratch"
    if init == "imagenet":
        _copy_all_but_the_head(network, _imagenet_weights(architecture), "ImageNet's weights")
        return "imagenet"
    if init in FIRST_WEIGHTS or init == "timm":
        if architecture != "timm":
            raise FerError(f"init={init} is for networks of timm, not for {architecture!r}.")
        name = recipe.network_arguments["architecture"]
        weights = _timm_weights(name) if init == "timm" else find_first_weights(init, name)
        _copy_all_but_the_head(network, _fit_channels(weights, network), f"The weights {init}")
        return f"timm's {name}" if init == "timm" else f"{init} ({FIRST_WEIGHTS[init].learnt})"
    artifact = Artifact.find(init)
    if artifact.config.network != architecture:
        raise FerError(f"{artifact.path} holds a {artifact.config.network}, not a {architecture}.")
    weights = artifact.load_network().state_dict()
    added = _blocks_added(network, weights)
    _copy_all_but_the_head(network, added | weights, f"The weights in {artifact.path}")
    grown = "grown from " if added else ""
    return f"{grown}{Path(init).name} ({artifact.metrics['init']})"


@torch.no_grad()
def unfold_norms(network: nn.Module, preprocessing: Preprocessing, faces: Faces) -> None:
    """Give norms that were folded to a multiply-add statistics again, in place.

    In training mode a norm without them changes what the network says from the first step on. It
    takes those of a few faces, and weights by which it says in evaluation what it said before.

    Args:
        faces: some hundred training images.
    """

    def unfold(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        norm.bias.add_(gain * (mean - norm.running_mean))
        norm.weight.copy_(gain * (variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(unfold) for norm in norms]
    with evaluating(network):
        network(preprocessing.tensor(faces))
    for hook in hooks:
        hook.remove()


def _blocks_added(network: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return fresh weights of an EfficientNet's residual blocks that a shallower one lacks.

    The norm that ends such a block starts at zero, so that the block passes its input on: the
    deeper network begins with the answers of the shallower one (Chen et al. 2016, Net2Net).
    """
    added: dict[str, Tensor] = {}
    for name, block in network.named_modules():
        if not isinstance(block, FusedMBConv | MBConv) or not block.use_res_connect:
            continue
        if any(key.startswith(f"{name}.") for key in weights):
            continue
        *_, last = (part for part in block.modules() if isinstance(part, nn.BatchNorm2d))
        nn.init.zeros_(last.weight)
        added |= {f"{name}.{key}": value for key, value in block.state_dict().items()}
    return added


def _timm_weights(architecture: str) -> dict[str, Tensor]:
    try:
        return timm.create_model(architecture, pretrained=True).state_dict()
    except (OSError, RuntimeError, ValueError) as error:
        raise FerError(
            f"timm's weights of {architecture} cannot be had ({first_line(error)}): give "
            f"init=scratch, one of {', '.join(FIRST_WEIGHTS)}, or a model of this project."
        ) from error


def _fit_channels(weights: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Sum a first convolution over its colours where the network has one channel, grey."""
    name, own = next((name, own) for name, own in network.state_dict().items() if own.ndim == 4)
    first = weights.get(name)
    if first is not None and own.shape[1] == 1 and first.shape[1] == 3:
        return weights | {name: first.sum(1, keepdim=True)}
    return weights


def _imagenet_weights(architecture: str) -> dict[str, Tensor]:
    if architecture not in torchvision_models.list_models():
        raise FerError(f"There are no ImageNet weights for {architecture!r}.")
    weights = torchvision_models.get_model_weights(architecture).DEFAULT
    try:
        return weights.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        cached = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
        raise FerError(
            f"ImageNet's weights, {weights.url} or what is left of them in {cached}, cannot be had "
            f"({first_line(error)}): give init=scratch, or a model of this project to start from."
        ) from error


def _copy_all_but_the_head(network: nn.Module, weights: dict[str, Tensor], what: str) -> None:
    """Copy weights into a network, except those of its last layer, which is another task's.

    That one starts anew as PyTorch starts a linear layer. Some of timm's networks start a head for
    a thousand classes by its outputs; with seven, what it says is so large and sure that epochs go
    by until it is unlearnt.
    """
    cast(nn.Linear, network.get_submodule(last_layer(network))).reset_parameters()
    own = network.state_dict()
    # How many batches a norm has seen is bookkeeping that not every source keeps.
    weights = {name: own[name] for name in own if name.endswith("num_batches_tracked")} | weights
    head = {name for name in own if name.startswith(last_layer(network) + ".")}
    fitting = {name: value for name, value in weights.items() if name not in head}
    if mismatched := sorted(
        name
        for name in (own.keys() - head) ^ fitting.keys()
        | {name for name in own.keys() & fitting.keys() if own[name].shape != fitting[name].shape}
    ):
        raise UnknownModel(f"{what} do not fit: {mismatched[0]} differs.")
    network.load_state_dict(own | fitting)


@torch.no_grad()
def layers_in_forward_order(network: nn.Module, preprocessing: Preprocessing) -> list[nn.Module]:
    """Return a network's layers in the order in which a face passes through them.

    A layer is a module without parts, or one with weights of its own (timm's norms hold their
    activation); a module that only passes its input on is none.
    """
    order: list[nn.Module] = []

    def note(module: nn.Module, inputs: object, output: object) -> None:
        if module not in order:
            order.append(module)

    layers = [
        module
        for module in network.modules()
        if not isinstance(module, nn.Identity)
        and (not list(module.children()) or list(module.parameters(recurse=False)))
    ]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    size = preprocessing.size
    with evaluating(network):
        device = next(network.parameters()).device
        network(torch.zeros(1, preprocessing.channels, size, size, device=device))
    for hook in hooks:
        hook.remove()
    return order


def last_layers(network: nn.Module, layers: list[nn.Module], count: int) -> set[nn.Module]:
    """Return so many of a network's last layers; its head is always among them.

    Args:
        layers: all of them, as `layers_in_forward_order` returns them.
    """
    head = network.get_submodule(last_layer(network))
    return {head, *layers[max(len(layers) - count, 0) :]}


def freeze(network: nn.Module, preprocessing: Preprocessing, unfreeze_last: int) -> list[nn.Module]:
    """Freeze all layers but the last, and return the frozen ones.

    Args:
        network: on the CPU; changed in place.
        unfreeze_last: how many layers learn, counted from the last in forward order. 0
            leaves the head alone to learn, -1 everything.

    Returns:
        The modules to hold in evaluation mode while training, so that their batch-norm
        statistics stay as they are.
    """
    if unfreeze_last == -1:
        return []
    layers = layers_in_forward_order(network, preprocessing)
    learning = last_layers(network, layers, unfreeze_last)
    frozen = [layer for layer in layers if layer not in learning]
    for layer in frozen:
        layer.requires_grad_(False)
    return frozen
