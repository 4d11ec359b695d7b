"""A model is a folder: find it, read it, check it.

`config.json` says how to build the network and what it expects of a face; the weights are fp16
safetensors, one file or shards with their index; the other files are what was measured of it (see
`fer.artifacts.report`). The same folder lies in `models/`, in a training run's output and on the
Hub. Where its weights are left out, its figures can be compared all the same.
"""

import json
import os
import tomllib
from functools import cached_property
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load_model
from torch import nn

from fer.artifacts.report import predicted_labels, read_history, read_predictions
from fer.config import HUB_ID, ModelConfig
from fer.ensemble import Ensemble
from fer.errors import HubError, UnknownModel, first_line
from fer.ferplus import NO_MAJORITY, Measure
from fer.files import LFS_POINTER, is_lfs_pointer, read_regular, sha256
from fer.networks import build_network
from fer.shipped import DEFAULT_MODEL, MODELS, UNFINISHED, left_out

if TYPE_CHECKING:
    from fer.artifacts.hub import Progress

RUNS = Path("runs")
"""Where training puts its models, below the working directory."""

RIVALS = "rivals"
"""Where, in `MODELS`, other projects' networks are: folders without weights, to compare with."""

WEIGHTS = "*.safetensors"
SINGLE, SHARDED = "model.safetensors", "model.safetensors.index.json"

ROBUSTNESS, RECIPE = "robustness.json", "recipe.toml"

DESCRIPTION = ("config.json", "metrics.json")
FILES = (
    *DESCRIPTION,
    WEIGHTS,
    SHARDED,
    "predictions.parquet",
    ROBUSTNESS,
    "history.csv",
    RECIPE,
    "README.md",
    "confusion.png",
)
"""All that a model's folder is made of; of a repository on the Hub nothing else is downloaded."""


class Artifact:
    """A model's folder; each of its files is read when it is first asked for, and then kept."""

    def __init__(self, path: Path, name: str | None = None) -> None:
        """Take a folder for a model's; nothing is read yet.

        Args:
            path: the folder.
            name: what the model is called; the folder's own name when left out.
        """
        self.path = path
        self.name = name or path.name

    def __repr__(self) -> str:
        return f"Artifact({str(self.path)!r}, {self.name!r})"

    @classmethod
    def find(
        cls,
        name: str | Path,
        revision: str | None = None,
        progress: "Progress | None" = None,
    ) -> "Artifact":
        """Find a model, on this disk (see `local_folders`) or on the Hub.

        Args:
            name: in `models/` or `runs/`, a folder's path, or `organisation/name`, which is looked
                up on the Hub if it is no folder.
            revision: a branch, tag or commit of the Hub's repository.
            progress: told of the bytes of a download.

        Raises:
            UnknownModel: if there is none.
            HubError: if the Hub cannot give it, or gives something else.
        """
        if folders := local_folders(name):
            if revision:
                raise UnknownModel(
                    f"{name} is a folder ({folders[0]}); only Hub ids have revisions."
                )
            return cls(folders[0], str(name))
        if HUB_ID.fullmatch(str(name)):
            try:
                return cls(fetch_model(str(name), revision, progress), str(name))
            except HubError as error:
                if Path(name).parts[0] not in (MODELS.name, RUNS.name):
                    raise
                # Most likely meant as a folder, from another place or before it was trained.
                raise UnknownModel(
                    f"There is no folder {name} here. Taken for a name on the Hub: {error}"
                ) from error
        if str(name) in left_out():
            raise UnknownModel(
                f"The model {name} is not in the installed package, which would be too large with "
                f"it: give its id on the Hub (ORG/{name}), or its folder in a checkout of the "
                "repository."
            )
        raise UnknownModel(
            f"There is no model {str(name)!r}: give a folder with a config.json, a Hub id, "
            f"or one of {', '.join(list_models(runs=True)) or 'the models in ' + str(MODELS)}."
        )

    # What it is

    @cached_property
    def config(self) -> ModelConfig:
        """Its `config.json`.

        Raises:
            UnknownModel: if it is missing or is not one of this library's.
        """
        path = self.path / "config.json"
        try:
            return ModelConfig.from_json(path.read_text())
        except OSError as error:
            raise UnknownModel(
                f"{self.path} has no readable config.json: {error.strerror}."
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnknownModel(f"{path} is not a model's config: {error}.") from error

    @property
    def members(self) -> "list[Artifact]":
        """The models that an ensemble is made of; of any other model none.

        Raises:
            UnknownModel: if one does not exist or is an ensemble itself.
            HubError: if the Hub cannot give it.
        """
        return [self.find_member(member) for member in self.config.members]

    def find_member(self, name: str, progress: "Progress | None" = None) -> "Artifact":
        """Find a member of this ensemble: beside its own folder, or as any model.

        Raises:
            UnknownModel, HubError: as `members`.
        """
        beside = self.path.parent / name
        member = (
            Artifact(beside, name) if _is_model(beside) else Artifact.find(name, progress=progress)
        )
        if member.config.members:
            raise UnknownModel(f"{self.path}: its member {name} is an ensemble itself.")
        return member

    # Its weights

    @property
    def weight_files(self) -> dict[str, Path]:
        """The files of its weights by name; an ensemble's are its members'.

        Raises:
            UnknownModel: if its config is not one, or a member is missing.
            HubError: as `members`.
        """
        files = {path.name: path for path in sorted(self.path.glob(WEIGHTS))}
        for member in self.members:
            folder = Path(member.name).name
            files |= {f"{folder}/{name}": path for name, path in member.weight_files.items()}
        return files

    @property
    def has_weights(self) -> bool:
        """Whether it can answer, and not only be compared."""
        if self.config.members:
            return all(member.has_weights for member in self.members)
        return any((self.path / name).is_file() for name in (SINGLE, SHARDED))

    def weight_digests(self) -> dict[str, str]:
        """Return the SHA-256 of each of its `weight_files`, as `metrics.json` states them."""
        return {name: sha256(path) for name, path in self.weight_files.items()}

    def damaged_weights(self) -> list[str]:
        """Name the weights' files that are missing or are not those that `metrics.json` names."""
        stated = self.get("weights_sha256")
        if not stated or not isinstance(stated, dict):
            return [WEIGHTS]
        found = self.weight_digests()
        return sorted(name for name in stated | found if stated.get(name) != found.get(name))

    def load_network(self) -> nn.Module:
        """Build its network and load the weights, in float32 and in evaluation mode.

        Raises:
            UnknownModel: if the config is not one, or the weights are missing, damaged or of
                another architecture.
            HubError: as `members`.
        """
        config = self.config
        if members := self.members:
            return Ensemble([(member.config, member.load_network()) for member in members]).eval()
        # A folder that is being written has its weights before its metrics.
        if not self.has_weights and (self.path / "metrics.json").is_file() and self.source:
            raise UnknownModel(
                f"{self.name} is another project's network, of which only the answers to the test "
                "images are kept: it can be compared, and not used."
            )
        if not self.has_weights:
            raise UnknownModel(self._lacks_weights())
        for path in sorted(self.path.glob(WEIGHTS)):
            if is_lfs_pointer(read_regular(path, size=len(LFS_POINTER))):
                raise UnknownModel(
                    f"{path} is a Git LFS pointer, not the weights: run `git lfs pull` there."
                )
        network = build_network(config.network, **config.network_arguments)
        try:
            if (self.path / SHARDED).is_file():
                # Imported here, as in `fetch_model`: bare training machines have none.
                from huggingface_hub import load_torch_model

                load_torch_model(network, self.path, strict=True, safe=True)
            else:
                load_model(network, self.path / SINGLE, strict=True)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            reason = first_line(error)
            raise UnknownModel(f"The weights in {self.path} cannot be loaded: {reason}.") from error
        return network.float().eval()

    def _lacks_weights(self) -> str:
        """Say that its weights are not here, and where they come from."""
        recipe = self.path / RECIPE
        try:
            name = tomllib.loads(recipe.read_text("utf-8"))["name"]
        except (OSError, ValueError, KeyError):
            source = f"put its {SINGLE} into {self.path}"
        else:
            # What ships was trained with a recipe that ships, under its name.
            which = name if self.path.parent == MODELS else recipe
            source = f"train it in a checkout (`python -m training train {which} --data DIR`)"
        return (
            f"The weights of {self.name} are not here: {source}, or "
            f"give its id on the Hub (ORG/{Path(self.name).name})."
        )

    # What was measured of it

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Its `metrics.json`, as it stands.

        Raises:
            UnknownModel: if there is none, or it is damaged.
        """
        try:
            metrics = json.loads((self.path / "metrics.json").read_text())
            float(metrics["splits"]["test"][metrics.get("views", "plain")]["accuracy"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnknownModel(f"{self.path} has no readable metrics.json: {error}.") from error
        return metrics

    def get(self, *keys: str) -> Any:
        """Return a figure by its path in `metrics.json`, or `None` where it was not measured."""
        value: Any = self.metrics
        for key in keys:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    @property
    def source(self) -> str | None:
        """Where a network of another project comes from; `None` of this project's models."""
        return self.get("source")

    @property
    def views(self) -> str:
        """Its own way of answering, among those measured: one of `fer.faces.preprocessing.VIEWS`.

        Folders of before there was a choice do not say, and answer one view.
        """
        return str(self.metrics.get("views", "plain"))

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What it was held against: FER-2013's label and, in newer folders, the FER+ votes."""
        voted = self.get("splits", "test", "votes", self.views) is not None
        return ("label", "votes") if voted else ("label",)

    def figures(self, split: str, measure: Measure = "label") -> dict[str, Any]:
        """Return what was measured of its own way of answering on `validation` or `test`.

        Raises:
            UnknownModel: if it was not.
        """
        votes = ("votes",) if measure == "votes" else ()
        found = self.get("splits", split, *votes, self.views)
        if not isinstance(found, dict):
            raise UnknownModel(f"{self.path} has no figures of {split} by the {measure}.")
        return found

    def accuracy(self, split: str, measure: Measure = "label") -> float:
        """Return the share of a split's images that it names right, see `figures`."""
        return float(self.figures(split, measure)["accuracy"])

    def accuracy_interval(self, split: str, measure: Measure = "label") -> tuple[float, float]:
        """Return the 95% interval of that accuracy, see `figures`."""
        low, high = self.figures(split, measure)["accuracy_interval_95"]
        return float(low), float(high)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(self.metrics["parameters"])

    @property
    def first_weights(self) -> str:
        """Where its weights started: `random`, or who trained what it was fine-tuned from."""
        if members := self.members:
            return " and ".join(sorted({member.first_weights for member in members}))
        init = str(self.get("init"))
        return "random" if init == "scratch" else init

    @property
    def weights_bytes(self) -> int:
        """Size of the weights' files."""
        return int(self.metrics["weights_bytes"])

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Its answer to each test image, see `read_predictions`."""
        return read_predictions(self.path / "predictions.parquet")

    def labelled(self, measure: Measure = "label") -> pd.DataFrame:
        """Return its `predictions` with `label` as a measure has it, on the images that have one.

        Raises:
            UnknownModel: if the folder does not know the votes.
        """
        table = self.predictions
        if measure == "label":
            return table
        if "majority" not in table:
            raise UnknownModel(f"{self.path / 'predictions.parquet'} has no FER+ votes.")
        agreed = table[table["majority"] != NO_MAJORITY]
        return agreed.assign(label=agreed["majority"]).reset_index(drop=True)

    @cached_property
    def history(self) -> pd.DataFrame:
        """One line an epoch, see `read_history`; of an ensemble none."""
        return read_history(self.path / "history.csv")

    def check_figures(self) -> None:
        """Check that its test figures follow from its predictions, by every measure.

        Raises:
            UnknownModel: if they do not, or a file is missing or damaged.
        """
        for measure in self.measures:
            table = self.labelled(measure)
            correct, images = int((predicted_labels(table) == table["label"]).sum()), len(table)
            stated = self.figures("test", measure)
            if (stated.get("correct"), stated.get("images")) != (correct, images) or not isclose(
                stated["accuracy"], correct / images, abs_tol=1e-6
            ):
                raise UnknownModel(
                    f"{self.path / 'predictions.parquet'} has {correct} of {images} test images "
                    f"right by the {measure}, metrics.json states {stated.get('correct')} of "
                    f"{stated.get('images')} and an accuracy of {stated['accuracy']:.4f}."
                )


def _is_model(folder: Path) -> bool:
    # `Path.is_file` raises of a name that is longer than disks take.
    return os.path.isfile(folder / "config.json")


def local_folders(name: str | Path) -> list[Path]:
    """Return the models' folders that a name may mean on this disk, the one it does mean first.

    A name is looked up in `models/`, then in `runs/`, then taken for a path.
    """
    found: dict[Path, Path] = {}
    for folder in (MODELS / name, RUNS / name, Path(name)):
        if _is_model(folder):
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def list_models(*, runs: bool = False) -> list[str]:
    """Return the names of the models in `models/`, the default first.

    Args:
        runs: also those that training has left in `runs/`, after them.
    """
    names: list[str] = []
    for parent in (MODELS, RUNS) if runs else (MODELS,):
        found = {path.parent for path in parent.glob("*/config.json")}
        names += sorted(folder.name for folder in found if folder.suffix not in UNFINISHED)
    return sorted(dict.fromkeys(names), key=lambda name: name != DEFAULT_MODEL)


def list_rivals() -> list[str]:
    """Return the names of other projects' networks in `models/`, as `Artifact.find` takes them."""
    return sorted(f"{RIVALS}/{path.parent.name}" for path in MODELS.glob(f"{RIVALS}/*/config.json"))


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

    described = Artifact(fetch(repo_id, DESCRIPTION, revision, progress))
    try:
        members = described.config.members
        described.accuracy("test")
    except UnknownModel as error:
        raise HubError(f"{repo_id} on the Hub is not a model of this library: {error}") from error
    # The commit just read, whatever is pushed meanwhile.
    revision = described.path.name
    artifact = Artifact(fetch(repo_id, FILES, revision=revision, progress=progress))
    for member in members:
        artifact.find_member(member, progress)
    if wrong := artifact.damaged_weights():
        raise HubError(
            f"{repo_id}: {', '.join(wrong)} cannot be trusted, its SHA-256 is not the one in "
            f"metrics.json; `hf cache rm model/{repo_id}` and load it again."
        )
    return artifact.path
