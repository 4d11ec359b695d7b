"""Where the network looked: Grad-CAM (Selvaraju et al. 2017).

The gradient of an emotion's logit with respect to a layer's feature maps says how much each
map matters; the maps, summed with that weight, say where.
"""

import threading

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fer.networks import EXPLAINED_LAYERS
from fer.preprocessing import FACE_SIZE
from fer.recognizer import Recognizer


def look(recognizer: Recognizer, faces: Tensor, emotions: Tensor) -> Tensor:
    """Return how much each pixel spoke for an emotion.

    Args:
        recognizer: the model to explain.
        faces: uint8 `[N, 1, 48, 48]`, as `fer.preprocessing.crop_faces` makes them.
        emotions: int64 `[N]`: the number of the emotion to explain for each face.

    Returns:
        float32 `[N, 48, 48]` on the CPU, from 0 (nothing) to 1 (the most of this face).
    """
    maps: list[Tensor] = []
    thread = threading.get_ident()

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # The network may be serving other threads at the same time.
        if threading.get_ident() == thread:
            maps.append(output)

    layer = recognizer.network.get_submodule(EXPLAINED_LAYERS[recognizer.config.network])
    hook = layer.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            inputs = recognizer.config.preprocessing.tensor(faces.to(recognizer.device))
            logits = recognizer.network(inputs.requires_grad_())
            chosen = logits.gather(1, emotions.to(logits.device)[:, None]).sum()
            # For the maps alone: no gradient is left in the weights.
            (gradient,) = torch.autograd.grad(chosen, maps)
    finally:
        hook.remove()
    weight = gradient.mean(dim=(2, 3), keepdim=True)
    heat = (weight * maps[0].detach()).sum(1, keepdim=True).relu()
    heat = F.interpolate(heat, size=(FACE_SIZE, FACE_SIZE), mode="bilinear")[:, 0]
    return (heat / heat.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)).cpu()
