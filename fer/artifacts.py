"""A model is a folder: find it, read it, write it.

`config.json` says how to build the network and what it expects of a face; the weights are
fp16 safetensors, one file or shards with their index; the other files are evidence (see
`fer.report`). The same folder lies in `models/`, in a training run's output and on the Hub.
"""

import copy
import dataclasses
import hashlib
import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import nn

from fer.emotions import EMOTIONS
from fer.errors import FerError, HubError, UnknownModel
from fer.networks import build_network
from fer.preprocessing import Framing, Preprocessing
from fer.report import Report

if TYPE_CHECKING:
    from fer.hub import Progress

MODELS = Path(__file__).resolve().parents[1] / "models"
"""The models that ship with the code."""

DEFAULT_MODEL = "cnn"
HUB_ID = re.compile(r"(?=.{3,96}$)[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
"""`organisation/name`, as a repository on the Hugging Face Hub is called."""
WEIGHTS = "*.safetensors"
SINGLE, SHARDED = "model.safetensors", "model.safetensors.index.json"
SHARD_SIZE = "45MB"  # a git host warns of files over 50 MB

DESCRIPTION = ("config.json", "metrics.json")
FILES = (
    *DESCRIPTION,
    WEIGHTS,
    SHARDED,
    "predictions.parquet",
    "history.csv",
    "recipe.toml",
    "README.md",
    "confusion.png",
)
"""All that a model's folder is made of; of a repository on the Hub nothing else is downloaded."""


@dataclass(frozen=True)
class ModelConfig:
    """What `config.json` holds: all that is needed to use the weights."""

    network: str
    """A name in `fer.networks.NETWORKS`."""
    network_arguments: dict[str, Any] = field(default_factory=dict)
    preprocessing: Preprocessing = Preprocessing()
    temperature: float = 1.0
    """Divides the logits before softmax; fitted on the validation images."""
    labels: tuple[str, ...] = EMOTIONS
    """The emotions in the order of the network's outputs."""

    def to_json(self) -> str:
        """Return the text of `config.json`."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "ModelConfig":
        """Parse the text of `config.json`.

        Raises:
            ValueError, TypeError, KeyError: if it is not one.
        """
        values = json.loads(text)
        preprocessing = values.pop("preprocessing")
        framing = Framing(**preprocessing.pop("framing"))
        config = cls(
            **values | {"labels": tuple(values["labels"])},
            preprocessing=Preprocessing(**preprocessing, framing=framing),
        )
        if config.labels != EMOTIONS:
            raise ValueError(f"its labels are {', '.join(config.labels)}")
        return config


def find_model(
    name: str | Path, revision: str | None = None, progress: "Progress | None" = None
) -> Path:
    """Return the folder of a model, given its name in `models/`, a folder's path or a Hub id.

    Args:
        name: one of the three; `organisation/name` is looked up on the Hub if it is no folder.
        revision: a branch, tag or commit of the Hub's repository.
        progress: told of the bytes of a download.

    Raises:
        UnknownModel: if there is none.
        HubError: if the Hub cannot give it, or gives something else.
    """
    if folder := local_folder(name):
        if revision:
            raise UnknownModel(f"{name} is a folder ({folder}); only Hub ids have revisions.")
        return folder
    if HUB_ID.fullmatch(str(name)):
        return fetch_model(str(name), revision, progress)
    raise UnknownModel(
        f"There is no model {str(name)!r}: give a folder with a config.json, a Hub id, "
        f"or one of {', '.join(list_models()) or 'the models in ' + str(MODELS)}."
    )


def local_folder(name: str | Path) -> Path | None:
    """Return the folder of a model on this disk, given its name in `models/` or its path."""
    folders = (MODELS / name, Path(name))
    return next((folder for folder in folders if (folder / "config.json").is_file()), None)


def fetch_model(
    repo_id: str, revision: str | None = None, progress: "Progress | None" = None
) -> Path:
    """Download a model from the Hub into its cache, unless it is there, and check it.

    What describes the model comes first: a repository of another kind is refused before its
    weights are downloaded. Then the weights must be the very files that `metrics.json` names.

    Raises:
        HubError: if it cannot be had, is not a model of this library, or is damaged.
    """
    # Imported here: `training` needs this module on machines without huggingface_hub.
    from fer.hub import fetch

    described = fetch(repo_id, DESCRIPTION, revision, progress)
    try:
        read_config(described)
        Report.read(described)
    except UnknownModel as error:
        raise HubError(f"{repo_id} on the Hub is not a model of this library: {error}") from error
    # The commit just read, whatever is pushed meanwhile.
    folder = fetch(repo_id, FILES, revision=described.name, progress=progress)
    if wrong := damaged_weights(folder):
        raise HubError(
            f"{repo_id}: {', '.join(wrong)} cannot be trusted, its SHA-256 is not the one in "
            f"metrics.json; `hf cache rm model/{repo_id}` and load it again."
        )
    return folder


def damaged_weights(folder: Path) -> list[str]:
    """Return the weight files that are missing, extra or not those that `metrics.json` names."""
    stated = Report.read(folder).metrics.get("weights_sha256", {})
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob(WEIGHTS)
    }
    if not stated or not isinstance(stated, dict):
        return [WEIGHTS]
    return sorted(name for name in stated | found if stated.get(name) != found.get(name))


def list_models() -> list[str]:
    """Return the names of the models in `models/`, the default first."""
    names = sorted(path.parent.name for path in MODELS.glob("*/config.json"))
    return sorted(names, key=lambda name: name != DEFAULT_MODEL)


def read_config(folder: Path) -> ModelConfig:
    """Read a model's `config.json`.

    Raises:
        UnknownModel: if it is missing or is not one of this library's.
    """
    try:
        return ModelConfig.from_json((folder / "config.json").read_text())
    except OSError as error:
        raise UnknownModel(f"{folder} has no readable config.json: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnknownModel(f"{folder / 'config.json'} is not a model's config: {error}.") from error


def load_network(folder: Path) -> tuple[ModelConfig, nn.Module]:
    """Build a model's network and load its weights, in float32 and in evaluation mode.

    Raises:
        UnknownModel: if the config is not one, or the weights are missing, damaged or of
            another architecture.
    """
    config = read_config(folder)
    network = build_network(config.network, **config.network_arguments)
    try:
        if (folder / SHARDED).is_file():
            from huggingface_hub import load_torch_model

            load_torch_model(network, folder, strict=True, safe=True)
        else:
            load_model(network, folder / SINGLE, strict=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UnknownModel(f"The weights in {folder} cannot be loaded: {reason}") from error
    return config, network.float().eval()


def save_weights(network: nn.Module, folder: Path) -> None:
    """Write a network's weights as fp16 safetensors, in shards if they are large.

    Shards are huggingface_hub's work: where it is not installed, as on a bare training
    machine, it is one file of any size.

    Batch norms' running statistics stay float32: they are few, and of an unnormalised network
    they may be larger than fp16 can hold.

    Raises:
        FerError: if a weight is not finite in fp16; nothing is written then.
    """
    half = copy.deepcopy(network).half()
    for kept, buffer in zip(half.buffers(), network.buffers(), strict=True):
        kept.data = buffer.detach().clone()
    bad = [name for name, value in half.state_dict().items() if not torch.isfinite(value).all()]
    if bad:
        raise FerError(f"Weights that are not finite in fp16: {', '.join(bad)}.")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        from huggingface_hub import save_torch_model
    except ModuleNotFoundError:
        save_model(half, str(folder / SINGLE))
    else:
        save_torch_model(half, folder, max_shard_size=SHARD_SIZE)
    for path in folder.glob(WEIGHTS):
        path.chmod(0o644)  # safetensors leaves files that only their owner can read


def replace_folder(partial: Path, target: Path) -> None:
    """Put a finished folder in another's place; the old one goes only once the new one stands."""
    old = target.with_name(target.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)
