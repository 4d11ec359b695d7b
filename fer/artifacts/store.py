"""A model is a folder: find it, read it, write it.

`config.json` says how to build the network and what it expects of a face; the weights are
fp16 safetensors, one file or shards with their index; the other files are evidence (see
`fer.artifacts.report`). The same folder lies in `models/`, in a training run's output and on the
Hub.
"""

import copy
import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import nn

from fer.artifacts.report import Report
from fer.config import HUB_ID, ModelConfig
from fer.ensemble import Ensemble
from fer.errors import FerError, HubError, UnknownModel
from fer.networks import build_network

if TYPE_CHECKING:
    from fer.artifacts.hub import Progress

MODELS = Path(__file__).resolve().parents[2] / "models"
"""The models that ship with the code."""

DEFAULT_MODEL = "ensemble"
"""Of those that take less than 30 ms a face on two CPU cores, the one that validates best."""
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
        try:
            return fetch_model(str(name), revision, progress)
        except HubError as error:
            if Path(name).parts[0] not in (MODELS.name, "runs"):
                raise
            # Most likely meant as a folder, from another place or before it was trained.
            raise UnknownModel(
                f"There is no folder {name} here. Taken for a name on the Hub: {error}"
            ) from error
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
    from fer.artifacts.hub import fetch

    described = fetch(repo_id, DESCRIPTION, revision, progress)
    try:
        read_config(described)
        Report.read(described)
    except UnknownModel as error:
        raise HubError(f"{repo_id} on the Hub is not a model of this library: {error}") from error
    # The commit just read, whatever is pushed meanwhile.
    folder = fetch(repo_id, FILES, revision=described.name, progress=progress)
    for member in read_config(folder).members:
        find_member(folder, member, progress)
    if wrong := damaged_weights(folder):
        raise HubError(
            f"{repo_id}: {', '.join(wrong)} cannot be trusted, its SHA-256 is not the one in "
            f"metrics.json; `hf cache rm model/{repo_id}` and load it again."
        )
    return folder


def find_member(folder: Path, member: str, progress: "Progress | None" = None) -> Path:
    """Return the folder of an ensemble's member: beside the ensemble's own, or as `find_model`.

    Raises:
        UnknownModel: if there is none, or it is an ensemble itself.
        HubError: if the Hub cannot give it.
    """
    beside = folder.parent / member
    found = beside if (beside / "config.json").is_file() else find_model(member, None, progress)
    if read_config(found).members:
        raise UnknownModel(f"{folder}: its member {member} is an ensemble itself.")
    return found


def weight_files(folder: Path) -> dict[str, Path]:
    """Return the files of a model's weights by name; an ensemble's are its members'.

    Raises:
        UnknownModel: if its config is not one, or a member is missing.
    """
    own = {path.name: path for path in sorted(folder.glob(WEIGHTS))}
    for member in read_config(folder).members:
        files = weight_files(find_member(folder, member))
        own |= {f"{Path(member).name}/{name}": path for name, path in files.items()}
    return own


def weight_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each of a model's `weight_files`, as `metrics.json` states them."""
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in weight_files(folder).items()
    }


def damaged_weights(folder: Path) -> list[str]:
    """Name the weights' files that are missing or are not those that `metrics.json` names."""
    stated = Report.read(folder).metrics.get("weights_sha256", {})
    if not stated or not isinstance(stated, dict):
        return [WEIGHTS]
    found = weight_digests(folder)
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
    if config.members:
        return config, Ensemble(
            [load_network(find_member(folder, member)) for member in config.members]
        ).eval()
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
