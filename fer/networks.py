"""The architectures, the one function that builds them by name, and the one that asks them."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3
from torchvision.ops import SqueezeExcitation

from fer.emotions import EMOTIONS
from fer.errors import UnknownModel, first_line
from fer.faces.preprocessing import FACE_SIZE, VIEWS, Faces, Preprocessing


class StudyCNN(nn.Module):
    """The CNN of the original study, layer by layer.

    Input 48 x 48 x 1; four blocks of Conv 3x3 without padding, ReLU, BatchNorm, MaxPool 2
    and Dropout; Flatten; Dense 512, ReLU, BatchNorm, Dropout; Dense 7.
    """

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for inputs, outputs in ((1, 32), (32, 64), (64, 128), (128, 256)):
            blocks += [
                nn.Conv2d(inputs, outputs, kernel_size=3),
                nn.ReLU(),
                nn.BatchNorm2d(outputs),
                nn.MaxPool2d(2),
                nn.Dropout(dropout),
            ]
        self.features = nn.Sequential(*blocks)
        # 48 pixels a side become 46, 23, 21, 10, 8, 4, 2 and in the end 1.
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(256, 512),
            nn.ReLU(),
            nn.BatchNorm1d(512),
            nn.Dropout(dropout),
            nn.Linear(512, len(EMOTIONS)),
        )

    def forward(self, faces: Tensor) -> Tensor:
        """Map float `[N, 1, 48, 48]` to logits `[N, 7]`."""
        return self.classifier(self.features(faces))


class ResidualNetwork(nn.Module):
    """A residual network for 48-pixel faces, with squeeze-and-excitation.

    ResNet-18's layout (He et al. 2016) behind a stem of one 3x3 convolution, which keeps the
    detail that a small face has; each block weighs its channels (Hu et al. 2018).
    """

    def __init__(
        self, width: int = 48, depths: Sequence[int] = (2, 2, 2, 2), dropout: float = 0.3
    ) -> None:
        """Build the network.

        Args:
            width: channels of the first stage; every further stage doubles them.
            depths: blocks in each stage; each stage halves the resolution.
            dropout: before the last layer.
        """
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        stages: list[nn.Module] = []
        channels = width
        for index, depth in enumerate(depths):
            outputs = width * 2**index
            blocks = [
                ResidualBlock(channels if block == 0 else outputs, outputs, 2 if block == 0 else 1)
                for block in range(depth)
            ]
            stages.append(nn.Sequential(*blocks))
            channels = outputs
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(channels, len(EMOTIONS)),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, faces: Tensor) -> Tensor:
        """Map float `[N, 1, 48, 48]` to logits `[N, 7]`."""
        return self.classifier(self.stages(self.stem(faces)))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a gate on their channels, added to the input."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        last_norm = nn.BatchNorm2d(outputs)
        # The branch starts at nothing, so that a fresh block passes its input on.
        nn.init.zeros_(last_norm.weight)
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            last_norm,
            SqueezeExcitation(outputs, outputs // 16),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            # Averages before it subsamples, so that no pixel is thrown away (He et al. 2019).
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride) if stride != 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, maps: Tensor) -> Tensor:
        """Map `[N, inputs, H, W]` to `[N, outputs, H / stride, W / stride]`."""
        return torch.relu(self.shortcut(maps) + self.branch(maps))


def resnet50() -> nn.Module:
    """Build torchvision's ResNet-50 (He et al. 2016): float `[N, 3, S, S]` to logits `[N, 7]`."""
    return torchvision.models.resnet50(num_classes=len(EMOTIONS))


def efficientnet_v2_l(blocks: int | None = None, **arguments: Any) -> nn.Module:
    """Build torchvision's EfficientNetV2-L (Tan and Le 2021), as `resnet50`.

    Args:
        blocks: how many of its 4 to 25 blocks each of its seven stages keeps at most, all when
            left out: what the whole is grown from, see `training.freezing.initialise`.
        arguments: torchvision's, such as `dropout` or `stochastic_depth_prob`.
    """
    network = torchvision.models.efficientnet_v2_l(num_classes=len(EMOTIONS), **arguments)
    if blocks is not None:
        for number, stage in enumerate(network.features):
            # The first and the last part are the stem and the head: convolution, norm, activation.
            if 0 < number < len(network.features) - 1:
                network.features[number] = stage[:blocks]
    # torchvision spreads the last layer's first weights by the number of its outputs: with seven
    # in place of a thousand, what it says is so large and sure that epochs go into unlearning it.
    network.classifier[-1].reset_parameters()
    return network


def lite(dropout: float = 0.2) -> nn.Module:
    """Build torchvision's MobileNetV3 (Howard et al. 2019) on a scale for small faces.

    Float `[N, 3, 48, 48]` to logits `[N, 7]`, in half a million parameters and 19 M
    multiply-adds: the first stages keep half and a quarter of the resolution, where the
    full-size network would have left a sixteenth.
    """
    # input, kernel, expanded and output channels, squeeze-and-excitation, activation, stride
    stages: list[tuple[int, int, int, int, bool, str, int]] = [
        (16, 3, 64, 24, False, "RE", 1),
        (24, 3, 96, 24, False, "RE", 1),
        (24, 5, 96, 40, True, "HS", 2),
        *[(40, 5, 160, 40, True, "HS", 1)] * 2,
        (40, 5, 160, 80, True, "HS", 2),
        *[(80, 5, 200, 80, True, "HS", 1)] * 3,
    ]
    settings = [InvertedResidualConfig(*stage, 1, 1.0) for stage in stages]
    return MobileNetV3(settings, last_channel=256, num_classes=len(EMOTIONS), dropout=dropout)


def from_timm(architecture: str, **arguments: Any) -> nn.Module:
    """Build one of timm's image models by its name: float `[N, C, S, S]` to logits `[N, 7]`.

    Args:
        architecture: a name of `timm.list_models()`.
        arguments: of `timm.create_model`, such as `in_chans` or `drop_rate`.
    """
    return timm.create_model(architecture, num_classes=len(EMOTIONS), **arguments)


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "cnn": StudyCNN,
    "residual": ResidualNetwork,
    "resnet50": resnet50,
    "efficientnet_v2_l": efficientnet_v2_l,
    "lite": lite,
    "timm": from_timm,
}


EXPLAINED_LAYERS = {
    "cnn": "features.7",  # the second block before it is pooled, 21 x 21
    "residual": "stages.0",  # 24 x 24
    "resnet50": "layer3",  # a sixteenth of the input's side
    "efficientnet_v2_l": "features.5",  # a sixteenth
    "lite": "features.5",  # 12 x 12
}
"""The layer of each architecture whose maps `fer.explain` weighs; of timm's, `explained_layer`."""

EXPLAINED_SIDE = 12
"""Pixels that a timm network's explained maps have on a side at least, where it has such maps."""


def explained_layer(name: str, network: nn.Module, size: int) -> str:
    """Return the qualified name of the layer whose maps say where a network looked.

    Args:
        name: the architecture's name in `NETWORKS`.
        size: side of its input in pixels.

    Raises:
        UnknownModel: if timm names no feature maps of it.
    """
    if name in EXPLAINED_LAYERS:
        return EXPLAINED_LAYERS[name]
    stages = list(getattr(network, "feature_info", ()))
    if not stages:
        raise UnknownModel("This network has no feature maps by which it could be explained.")
    large = [stage for stage in stages if size // stage["reduction"] >= EXPLAINED_SIDE]
    return str((large or stages)[-1 if large else 0]["module"])


def build_network(name: str, **arguments: object) -> nn.Module:
    """Build an architecture with random weights; its output is logits `[N, 7]`.

    Raises:
        UnknownModel: for a name or an argument that no architecture has.
    """
    if name not in NETWORKS:
        raise UnknownModel(f"There is no network {name!r}; there are {', '.join(NETWORKS)}.")
    try:
        return NETWORKS[name](**arguments)
    except (TypeError, ValueError, RuntimeError) as error:  # timm's for an unknown name is the last
        raise UnknownModel(f"Network {name!r} cannot be built: {error}.") from error


class TakesFaces(nn.Module):
    """A network that is given face images as they are, and prepares them itself."""


def answer(network: nn.Module, preprocessing: Preprocessing, faces: Faces) -> Tensor:
    """Return a network's logits for a batch of faces, float32 `[N, 7]`, in the mode it is in."""
    return average(ask_views(network, preprocessing, faces))


def ask_views(network: nn.Module, preprocessing: Preprocessing, faces: Faces) -> Tensor:
    """Return the logits for each view of a batch of faces, float32 `[V, N, 7]`.

    The views are those of `Preprocessing.inputs`; a network that prepares faces itself is asked for
    their mirror images at most.
    """
    inputs: Sequence[Faces]
    if isinstance(network, TakesFaces):
        inputs = [faces] if preprocessing.views == "plain" else [faces, faces.flip(-1)]
    else:
        inputs = preprocessing.inputs(faces)
    return torch.stack([network(view).float() for view in inputs])


def average(views: Tensor) -> Tensor:
    """Average what views `[V, N, 7]` say: the logarithm of the mean of their probabilities.

    Of one view its logits stay as they are.
    """
    if len(views) == 1:
        return views[0]
    return views.log_softmax(-1).logsumexp(0) - math.log(len(views))


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Hold a network in evaluation mode; the mode that it was in comes back."""
    training = network.training
    if training:
        network.eval()
    try:
        yield
    finally:
        if training:
            network.train()


def check_input(network: nn.Module, preprocessing: Preprocessing) -> None:
    """Try a network on one empty face.

    Raises:
        UnknownModel: if it cannot take faces of such channels and size.
    """
    face = torch.zeros(1, 1, FACE_SIZE, FACE_SIZE, dtype=torch.uint8)
    try:
        predict_logits(network, preprocessing, face)
    except (RuntimeError, AssertionError) as error:  # timm asserts the size of some inputs
        raise UnknownModel(
            f"The network cannot take faces of {preprocessing.channels} channels and "
            f"{preprocessing.size} pixels: {first_line(error)}."
        ) from error


def predict_logits(
    network: nn.Module, preprocessing: Preprocessing, faces: Faces, batch_size: int | None = None
) -> Tensor:
    """Run a network over faces in evaluation mode, batch by batch.

    Args:
        faces: on any device.
        batch_size: as many at a time as suit the network's device, when left out.

    Returns:
        float32 logits `[N, 7]`, on the device of the faces, or of crops on the network's.
    """
    return average(predict_views(network, preprocessing, faces, batch_size))


@torch.no_grad()
def predict_views(
    network: nn.Module, preprocessing: Preprocessing, faces: Faces, batch_size: int | None = None
) -> Tensor:
    """Return the logits for each view, float32 `[V, N, 7]`; the rest as `predict_logits`."""
    device = next(network.parameters()).device
    # What a few faces leave behind stays in a CPU's caches; a GPU wants many at a time.
    batch_size = batch_size or (64 if device.type == "cpu" else 512)
    back = faces.device if isinstance(faces, Tensor) else device
    with evaluating(network):
        logits = [
            ask_views(network, preprocessing, faces[start : start + batch_size].to(device)).to(back)
            for start in range(0, len(faces), batch_size)
        ]
    none = torch.empty(len(VIEWS[preprocessing.views]), 0, len(EMOTIONS), device=back)
    return torch.cat(logits, dim=1) if logits else none
