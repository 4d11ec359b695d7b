"""What a model's `config.json` holds."""

import dataclasses
import json
import re
from dataclasses import dataclass, field
from math import isfinite
from typing import Annotated, Any, get_args, get_type_hints

from fer.emotions import EMOTIONS
from fer.faces.preprocessing import VIEWS, Framing, Preprocessing, as_written_now
from fer.ranges import Range

ENSEMBLE = "ensemble"
"""What stands for the network of a model that is made of others."""

HUB_ID = re.compile(r"(?=.{3,96}$)[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
"""`organisation/name`, as a repository on the Hugging Face Hub is called."""
MEMBER = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
"""A model's name, which leads to no other place of the disk."""


@dataclass(frozen=True)
class ModelConfig:
    """What `config.json` holds: all that is needed to use the weights."""

    network: str
    """A name in `fer.networks.NETWORKS`, or `ensemble`."""
    network_arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments of that network; of an ensemble, `members`: the names of its models."""
    preprocessing: Preprocessing = Preprocessing()
    temperature: float = 1.0
    """Divides the logits before softmax; fitted on the validation images."""
    threshold: Annotated[float, Range(0, 1)] = 0.0
    """The probability from which on an answer is certain: of the validation faces that are named
    so, nine of ten are right by the FER+ votes. 0 where it was not measured."""
    purpose: str = ""
    """What it is for, in half a sentence for whoever chooses a model."""
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
        preprocessing = as_written_now(values.pop("preprocessing"))
        framing = Framing(**preprocessing.pop("framing"))
        config = cls(
            **values | {"labels": tuple(values["labels"])},
            preprocessing=Preprocessing(**preprocessing, framing=framing),
        )
        if config.labels != EMOTIONS:
            raise ValueError(f"its labels are {', '.join(config.labels)}")
        views = config.preprocessing.views
        if views not in VIEWS:
            raise ValueError(f"it knows no views {views!r}")
        for part in (config, config.preprocessing, framing):
            _check_ranges(part)
        for name, kind in (("network", str), ("network_arguments", dict), ("purpose", str)):
            if not isinstance(value := getattr(config, name), kind):
                raise ValueError(f"its {name} is {value!r}")
        if not isfinite(config.preprocessing.mean):
            raise ValueError(f"its mean is {config.preprocessing.mean}")
        if not 0 < config.temperature < float("inf"):
            raise ValueError(f"its temperature is {config.temperature}")
        if config.network == ENSEMBLE:
            _check_members(config.members)
            if views not in ("plain", "flip"):
                raise ValueError("an ensemble is not asked for enlarged middles: its members are")
        return config

    @property
    def members(self) -> list[str]:
        """The models an ensemble is made of, by name or Hub id; of any other model none."""
        return self.network_arguments["members"] if self.network == ENSEMBLE else []


def _check_ranges(part: Any) -> None:
    for name, kind in get_type_hints(type(part), include_extras=True).items():
        value = getattr(part, name)
        for allowed in getattr(kind, "__metadata__", ()):
            number = int if get_args(kind)[0] is int else (int, float)
            if not isinstance(value, number) or value not in allowed:
                raise ValueError(f"its {name} is {allowed}, not {value!r}")


def _check_members(members: Any) -> None:
    if not isinstance(members, list) or not members:
        raise ValueError("an ensemble needs a list of members")
    for member in members:
        # A name, so that a config from elsewhere leads to no other place of this disk.
        known = isinstance(member, str) and (MEMBER.fullmatch(member) or HUB_ID.fullmatch(member))
        if not known:
            raise ValueError(f"{member!r} is no model's name")
