"""Write a model whose network is timm's for `transformers`, and check that it answers as it did.

python -m training export mobilenet --format transformers

`transformers.pipeline("image-classification")` hands the network an RGB image and takes the softmax
of its logits. What the library does around the network, and the pipeline does not, is put into the
weights: the colours become grey in the first convolution, the temperature divides the last layer.
Further views cannot be, and are left out. timm reads the folder, too.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_file
from torch import Tensor, nn

from fer.artifacts import Artifact, whole_folder
from fer.artifacts.export import TRANSFORMERS
from fer.artifacts.store import SINGLE
from fer.config import ModelConfig
from fer.emotions import EMOTIONS
from fer.errors import FerError, first_line
from fer.networks import predict_logits
from training.data import load_split
from training.export import COMPARED, NotExported, farthest, made_images

CONFIG = "config.json"
WRAPPER = "timm_wrapper"
"""The `model_type` by which transformers knows a network of timm's."""
LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the grey that Pillow makes of them (ITU-R BT.601)."""


def export(artifact: Artifact, folder: Path, data: Path | None = None) -> float:
    """Write a model's folder for transformers, in the place of an older one.

    Args:
        artifact: the model.
        folder: `<folder>.partial` beside it is used while writing.
        data: FER-2013, see `load_split`: what was written is held against the library on its test
            images, and on made ones without.

    Returns:
        How far apart two probabilities are at most, see `check_answers`.

    Raises:
        NotExported: if it does not answer as the model does; nothing is written then.
        FerError: if the folder is something else's, or the network is not timm's.
    """
    if folder.exists() and not _is_ours(folder):
        raise FerError(f"{folder} is there and is not an export: give another --output.")
    config = artifact.config
    if config.network != "timm":
        raise FerError(
            f"{artifact.name} cannot be written for transformers, which has timm's networks: its "
            f"network is {config.network!r}. --format onnx takes every model."
        )
    with whole_folder(folder) as partial:
        path = partial / SINGLE
        save_file(_weights(artifact), path, metadata={"format": "pt"})
        path.chmod(0o644)  # safetensors leaves files that only their owner can read
        (partial / CONFIG).write_text(json.dumps(wrapper_config(config), indent=2) + "\n")
        images = load_split(data, "test").head(COMPARED).images if data else made_images(COMPARED)
        difference = check_answers(artifact, partial, images)
    return difference


def wrapper_config(config: ModelConfig) -> dict[str, Any]:
    """Return what the `config.json` of transformers' TimmWrapper says of a model."""
    arguments = config.network_arguments
    size = config.preprocessing.size
    return {
        "model_type": WRAPPER,
        "architectures": ["TimmWrapperForImageClassification"],
        "architecture": arguments["architecture"],
        "model_args": {
            key: value
            for key, value in arguments.items()
            if key not in ("architecture", "in_chans")
        },
        "num_classes": len(EMOTIONS),
        "label_names": list(EMOTIONS),
        "problem_type": "single_label_classification",
        "dtype": "float32",  # otherwise it computes in what most weights are stored in, fp16
        "pretrained_cfg": {
            "input_size": [3, size, size],
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "crop_mode": "squash",  # all of the picture, as the library takes a crop
            "mean": [config.preprocessing.mean] * 3,
            "std": [config.preprocessing.std] * 3,
        },
    }


def check_answers(artifact: Artifact, folder: Path, images: Tensor) -> float:
    """Hold an export against the library's answer to one view, in grey.

    Args:
        artifact: the model.
        folder: of the export.
        images: uint8 `[N, 1, 48, 48]`.

    Returns:
        How far apart two probabilities are at most.

    Raises:
        NotExported: if that is more than rounding, or it is another network.
    """
    config = artifact.config
    # One view, and of three channels that are alike: what the pipeline makes of a grey picture.
    one_view = dataclasses.replace(config.preprocessing, views="plain")
    in_colour = dataclasses.replace(one_view, channels=3)
    expected = predict_logits(artifact.load_network(), one_view, images) / config.temperature
    answers = predict_logits(_read(folder, config), in_colour, images)
    return farthest(answers.softmax(1), expected.softmax(1), folder, artifact.name)


def check_export(artifact: Artifact) -> None:
    """Check that what a model's folder holds for transformers answers as its weights do.

    Raises:
        NotExported: if it does not: it is of other weights, or of another temperature.
    """
    check_answers(artifact, artifact.path / TRANSFORMERS, made_images(COMPARED))


def has_export(artifact: Artifact) -> bool:
    """Say whether a model's folder holds it for transformers, too."""
    return (artifact.path / TRANSFORMERS).is_dir()


def _weights(artifact: Artifact) -> dict[str, Tensor]:
    """Return the network's weights with grey and temperature inside, under timm's names."""
    network, config = artifact.load_network(), artifact.config
    assert isinstance(network.pretrained_cfg, dict)
    names = [network.pretrained_cfg.get(key) for key in ("first_conv", "classifier")]
    state = network.state_dict()
    if not all(isinstance(name, str) and f"{name}.weight" in state for name in names):
        raise FerError(
            f"{artifact.name} cannot be written for transformers: its network "
            f"{config.network_arguments['architecture']} has not one first convolution and one "
            "last layer, which timm names."
        )
    first, last = names
    # Channels that are alike add up; then each colour gives its share of them.
    luma = torch.tensor(LUMA)[:, None, None]
    state[f"{first}.weight"] = state[f"{first}.weight"].sum(1, keepdim=True) * luma
    for name in (f"{last}.weight", f"{last}.bias"):
        if name in state:
            state[name] = state[name] / config.temperature
    return {name: _halved(value).contiguous() for name, value in state.items()}


def _halved(value: Tensor) -> Tensor:
    """Return a float tensor in fp16 where that loses nothing, as of weights that came from it."""
    half = value.half()
    return half if value.is_floating_point() and half.to(value.dtype).equal(value) else value


def _read(folder: Path, config: ModelConfig) -> nn.Module:
    """Build what an export's config says and load its weights.

    Raises:
        NotExported: if that is not what the model's own config makes of it, or is damaged.
    """
    wanted = wrapper_config(config)
    try:
        if json.loads((folder / CONFIG).read_text()) != wanted:
            raise NotExported(f"{folder / CONFIG} is not of this model: export it again.")
        network = timm.create_model(
            wanted["architecture"], num_classes=len(EMOTIONS), **wanted["model_args"]
        )
        load_model(network, folder / SINGLE, strict=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise NotExported(f"{folder} cannot be read: {first_line(error)}.") from error
    return network.float().eval()


def _is_ours(folder: Path) -> bool:
    try:
        return json.loads((folder / CONFIG).read_text())["model_type"] == WRAPPER
    except (OSError, ValueError, KeyError, TypeError):
        return False
