"""Where the network looked: HiResCAM (Draelos and Carin 2020).

A layer's feature maps times the gradient of an emotion's logit with respect to them, summed
over the maps: where something was seen that spoke for the emotion. Grad-CAM, which averages
the gradient over each map first, points little better than chance on faces this small;
`python -m bench.explanations` measures both.
"""

import threading

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fer.ensemble import Ensemble
from fer.errors import UnknownModel
from fer.faces.preprocessing import FACE_SIZE, VIEWS, Faces, Preprocessing
from fer.networks import explained_layer
from fer.recognizer import Recognizer


def saliency(recognizer: Recognizer, faces: Faces, emotions: Tensor) -> Tensor:
    """Return how much each pixel spoke for an emotion.

    Args:
        recognizer: the model to explain; of an ensemble it is the mean of its members, of a model
            that asks several views the mean of those.
        faces: as `Recognizer.crop` makes them.
        emotions: int64 `[N]`: the number of the emotion to explain for each face.

    Returns:
        float32 `[N, 48, 48]` on the CPU, from 0 (nothing) to 1 (the most of this face).

    Raises:
        UnknownModel: if the network has no feature maps.
    """
    network, config = recognizer.network, recognizer.config
    if isinstance(network, Ensemble):
        # Each member by itself: its softmax would weigh in what spoke for other emotions.
        members = [
            Recognizer(config, member, recognizer.detector, recognizer.device)
            for config, member in zip(network.configs, network.members, strict=True)
        ]
        heats = [saliency(member, faces, emotions) for member in members]
        return to_heat(torch.stack(heats).mean(0))
    layer = explained_layer(config.network, network, config.preprocessing.size)

    def evidence(view: Tensor) -> Tensor:
        maps, gradient = maps_and_gradient(recognizer, view, emotions, layer)
        return (gradient * maps).sum(1)

    inputs = config.preprocessing.inputs(faces.to(recognizer.device))
    return to_heat(_together([evidence(view) for view in inputs], config.preprocessing))


def _together(found: list[Tensor], preprocessing: Preprocessing) -> Tensor:
    """Add up the evidence `[N, H, W]` of views, each where it was seen."""
    views = VIEWS[preprocessing.views]
    enlarged = any(view.enlarged for view in views)
    placed = []
    for view, evidence in zip(views, found, strict=True):
        seen = evidence.flip(-1) if view.mirrored else evidence
        if enlarged:
            margin = preprocessing.margin if view.enlarged else 0
            seen = F.pad(_scale(seen, preprocessing.size - 2 * margin), (margin,) * 4)
        placed.append(seen)
    return torch.stack(placed).sum(0)


def _scale(maps: Tensor, side: int) -> Tensor:
    """Scale maps `[N, H, W]` to `[N, side, side]`."""
    return F.interpolate(maps[:, None], size=(side, side), mode="bilinear")[:, 0]


def maps_and_gradient(
    recognizer: Recognizer, inputs: Tensor, emotions: Tensor, layer: str
) -> tuple[Tensor, Tensor]:
    """Return a layer's feature maps and the emotions' gradient on them, float `[N, C, H, W]`.

    Args:
        inputs: the network's, on the recognizer's device.
        layer: qualified name of a module whose output is feature maps; the rest as in `saliency`.
    """
    maps: list[Tensor] = []
    thread = threading.get_ident()

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # The network may be serving other threads at the same time.
        if threading.get_ident() == thread:
            maps.append(output)

    hook = recognizer.network.get_submodule(layer).register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = recognizer.network(inputs.requires_grad_())
            chosen = logits.gather(1, emotions.to(logits.device)[:, None]).sum()
            # For the maps alone: no gradient is left in the weights.
            (gradient,) = torch.autograd.grad(chosen, maps)
    finally:
        hook.remove()
    if maps[0].ndim != 4:
        raise UnknownModel(f"The layer {layer} has no maps by which it could be explained.")
    return maps[0].detach(), gradient


def to_heat(evidence: Tensor) -> Tensor:
    """Turn evidence `[N, H, W]` into heat `[N, 48, 48]` from 0 to 1; what speaks against is 0."""
    heat = _scale(evidence.relu(), FACE_SIZE)
    return (heat / heat.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)).cpu()
