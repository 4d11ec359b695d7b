"""A recipe is one experiment: a TOML file, read into a frozen dataclass, and nothing hidden."""

import dataclasses
import json
import tomllib
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from fer.config import ENSEMBLE
from fer.errors import FerError
from fer.faces.preprocessing import Preprocessing, as_written_now
from fer.ferplus import Measure
from fer.ranges import Range
from training.augment import Augmentation
from training.balance import Balance
from training.heads import Head


class BadRecipe(FerError):
    """A recipe that does not exist, has an unknown key or a value that it cannot have."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained."""

    name: str
    """The recipe's name, and the model's."""
    network: str
    """A name in `fer.networks.NETWORKS`."""
    purpose: str = ""
    """What the model is for, in half a sentence for whoever chooses one."""
    network_arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments of that network."""
    init: str = "scratch"
    """First weights: `scratch`; `imagenet`, torchvision's; `timm`, from the Hub; a name in
    `training.first_weights`; or a model of this project by name or folder."""
    unfreeze_last: Annotated[int, Range(-1)] = -1
    """How many layers learn, from the last: 0 is the head alone, -1 everything."""
    trunk_passes: Annotated[int, Range(0)] = 0
    """Over how many augmented passes the frozen trunk is run, once, and its answers kept; 0 runs it
    anew every epoch. For efficientnet_v2_l alone, see `training.trunk`."""
    trunk_below: Annotated[int, Range(0)] = 0
    """How many layers at least, from the last, do not belong to that trunk: experiments that
    unfreeze different numbers share one."""
    preprocessing: Preprocessing = Preprocessing()
    """What the network expects of a face."""
    augmentation: Augmentation = Augmentation()
    """How training images are varied."""
    votes_weight: Annotated[float, Range(0, 1)] = 0.0
    """Target: 0 is FER-2013's label, 1 the FER+ votes as a distribution, between is a mix."""
    choose_by: Measure = "label"
    """By which measure the epoch, the temperature, the views and an ensemble's members are chosen,
    on validation: FER-2013's label, or the majority of the FER+ votes."""
    label_head: Annotated[float, Range(0)] = 0.0
    """Weight of the loss of a second head, which learns FER-2013's label while the first learns
    what `votes_weight` says; 0 is no second head. Such a run leaves two models on one backbone,
    `NAME` and `NAME-label`, each chosen by the measure that it learns."""
    teachers: list[str] = field(default_factory=list)
    """Models, by name or folder, whose mean answer becomes part of the target (distillation)."""
    teachers_weight: Annotated[float, Range(0, 1)] = 0.7
    """Share of the target that is the teachers' answer, if there are any."""
    label_smoothing: Annotated[float, Range(0, 1)] = 0.1
    """Share of the target spread evenly over the classes; of two heads, of the label's alone."""
    balance: Balance = "none"
    """What is done about unbalanced classes, see `training.balance`."""
    adjust_logits: bool = False
    """Whether, once trained, it names rare emotions more often, as far as its validation accuracy
    bears it, see `training.balance.choose_strength`. Of two heads it is the first: the label's is
    for figures beside those of others."""
    epochs: Annotated[int, Range(0)] = 100
    """Passes over the training images."""
    batch_size: Annotated[int, Range(2)] = 128
    """Images a step, over all devices together."""
    optimizer: typing.Literal["sgd", "adamw"] = "sgd"
    """SGD with Nesterov momentum, or AdamW."""
    lr: Annotated[float, Range(1e-9)] = 0.1
    """Peak learning rate."""
    momentum: Annotated[float, Range(0, 0.9999)] = 0.9
    """SGD's momentum."""
    weight_decay: Annotated[float, Range(0)] = 5e-4
    """On weights of two dimensions and more; never on biases and norms."""
    warmup_epochs: Annotated[float, Range(0)] = 2.0
    """The learning rate climbs for so long, then falls to zero along a cosine."""
    ema_decay: Annotated[float, Range(0, 0.999999)] = 0.998
    """Decay a step of the running average of the weights, which is what is kept."""
    precision: typing.Literal["32-true", "bf16-mixed"] = "32-true"
    """Lightning Fabric's name of the number format of the forward pass; `python -m training train`
    takes `32-true` where a CPU has no instructions for the other, see `training.precision`."""
    compile: bool = False
    """Whether to run the network through `torch.compile`; small networks do not gain on a CPU."""
    seed: Annotated[int, Range(0, 2**31)] = 0
    """Decides initial weights, order, augmentation and dropout."""

    @property
    def heads(self) -> list[Head]:
        """What the network learns: one thing, or with `label_head` two."""
        if not self.label_head:
            smoothing = self.label_smoothing
            return [Head(self.choose_by, self.votes_weight, smoothing, purpose=self.purpose)]
        return [
            Head(self.choose_by, self.votes_weight, label_smoothing=0.0, purpose=self.purpose),
            Head(
                "label",
                votes_weight=0.0,
                label_smoothing=self.label_smoothing,
                weight=self.label_head,
                suffix="-label",
                purpose=f"figures beside published ones: {self.name} with the label's head",
            ),
        ]

    def to_toml(self) -> str:
        """Return the resolved recipe as TOML: every field, defaults included."""
        return _to_toml(dataclasses.asdict(self))


KINDS = {
    int: "a whole number", float: "a number", bool: "true or false", str: "a text", list: "a list",
}  # fmt: skip
"""What a value is called; of all others a table."""


def list_recipes() -> list[str]:
    """Return the names of the shipped recipes."""
    folder = resources.files("training") / "recipes"
    names = (Path(entry.name) for entry in folder.iterdir())
    return sorted(name.stem for name in names if name.suffix == ".toml")


def load_recipe(name: str, overrides: dict[str, str] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        name: a shipped recipe's name, or the path of a TOML file.
        overrides: values that replace the file's, as TOML text, by dotted key
            (`{"augmentation.mixup": "0.2"}`).

    Raises:
        BadRecipe: with a sentence that names the key or the value at fault.
    """
    path = Path(name)
    if path.suffix == ".toml":
        if not path.is_file():
            raise BadRecipe(f"There is no recipe file {path}.")
        text = path.read_text("utf-8", errors="replace")
    elif name in list_recipes():
        text = (resources.files("training") / "recipes" / f"{name}.toml").read_text("utf-8")
    else:
        raise BadRecipe(f"There is no recipe {name!r}; there are {', '.join(list_recipes())}.")
    return read_recipe(text, path.stem, overrides)


def read_recipe(text: str, name: str, overrides: dict[str, str] | None = None) -> Recipe:
    """Read a recipe's text; what it does not say has its default. The rest as `load_recipe`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRecipe(f"Recipe {name} is not TOML: {error}.") from error
    if isinstance(values.get("preprocessing"), dict):
        values["preprocessing"] = as_written_now(values["preprocessing"])
    for key, override in (overrides or {}).items():
        *tables, last = key.split(".")
        table = values
        for part in tables:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise BadRecipe(f"{key} has no parts: {part} is a value.")
        table[last] = _parse_value(override)
    recipe = _build(Recipe, {"name": name, **values}, "")
    if not recipe.epochs and recipe.network != ENSEMBLE:
        raise BadRecipe("epochs is 0, and only an ensemble can do without training.")
    if (recipe.adjust_logits or recipe.label_head) and recipe.network == ENSEMBLE:
        key = "adjust_logits" if recipe.adjust_logits else "label_head"
        raise BadRecipe(f"{key} is for networks; an ensemble's members have logits.")
    if recipe.trunk_passes:
        if not 0 <= recipe.unfreeze_last <= recipe.trunk_below:
            raise BadRecipe("trunk_passes wants unfreeze_last between 0 and trunk_below.")
        if recipe.teachers:
            raise BadRecipe("trunk_passes keeps no images that teachers could be asked for.")
    return recipe


def _parse_value(text: str) -> Any:
    """Read TOML's own notation; what is not TOML is a string, so that quotes can be left out."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _build(kind: type, values: dict[str, Any], prefix: str) -> Any:
    """Make a dataclass from a table, refusing unknown keys and values of another kind."""
    kinds = typing.get_type_hints(kind, include_extras=True)
    if unknown := sorted(values.keys() - kinds.keys()):
        raise BadRecipe(
            f"A recipe has no key {prefix + unknown[0]!r}; {prefix or 'it'} has {', '.join(kinds)}."
        )
    arguments = {key: _convert(kinds[key], value, prefix + key) for key, value in values.items()}
    try:
        return kind(**arguments)
    except TypeError as error:
        raise BadRecipe(f"The recipe is incomplete: {error}.") from error


def _convert(kind: Any, value: Any, key: str) -> Any:
    """Return a value as a field of this type takes it.

    Raises:
        BadRecipe: if it is of another kind, or outside the field's `Range`.
    """
    if typing.get_origin(kind) is Annotated:
        plain, range_ = typing.get_args(kind)
        number = _convert(plain, value, key)
        if number not in range_:
            raise BadRecipe(f"{key} is {range_}, not {number}.")
        return number
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return _build(kind, value, key + ".")
    if typing.get_origin(kind) is typing.Literal:
        if value in typing.get_args(kind):
            return value
        raise BadRecipe(f"{key} is one of {', '.join(typing.get_args(kind))}, not {value!r}.")
    plain = typing.get_origin(kind) or kind
    if plain is float and type(value) is int:
        return float(value)
    if plain is list and isinstance(value, list):
        return [_convert(typing.get_args(kind)[0], item, f"{key}[]") for item in value]
    if type(value) is plain:
        return value
    raise BadRecipe(f"{key} is {KINDS.get(plain, 'a table')}, not {value!r}.")


def _to_toml(values: dict[str, Any], prefix: str = "") -> str:
    """Write a table of numbers, strings and tables; the standard library only reads TOML."""
    lines = [
        f"{key} = {_scalar(value)}" for key, value in values.items() if not isinstance(value, dict)
    ]
    for key, value in values.items():
        if isinstance(value, dict):
            lines += ["", f"[{prefix}{key}]", _to_toml(value, f"{prefix}{key}.").rstrip()]
    return "\n".join(lines).strip() + "\n"


def _scalar(value: float | int | str | Sequence[Any]) -> str:
    """Return a value in TOML's notation, which is JSON's but for characters.

    TOML knows no surrogate pairs, which are JSON's escapes of emojis; and it wants the one control
    character escaped that JSON leaves alone, delete.
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
