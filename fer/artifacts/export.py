"""A model as ONNX, for whoever has no PyTorch: the folder `onnx/`, which may be absent.

`training.export` writes and checks it; its files are named as the Hub's conventions have it.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from fer.artifacts.store import Artifact
from fer.errors import UnknownModel
from fer.ferplus import Measure
from fer.files import sha256
from fer.shipped import EXPORTS

ONNX, TRANSFORMERS = EXPORTS
"""The folders inside a model's; of the second `training.export_transformers` knows all."""
FLOAT, INT8 = "model.onnx", "model_quantized.onnx"
REPORT = "export.json"


@dataclass(frozen=True)
class Export:
    """What `export.json` holds: what the exported files are, and how they answer."""

    opset: int
    """The version of ONNX's operators."""
    inputs: dict[str, list[str | int]]
    """Each input's shape by its name."""
    outputs: dict[str, list[str | int]]
    compared: int
    """Images that the float32 file and the library were both asked about …"""
    compared_on: str
    """… of which kind: `test`, or `made` ones …"""
    difference: float
    """… and the largest difference between their probabilities."""
    sha256: dict[str, str]
    """Of each file, by name."""
    size: dict[str, int]
    """Bytes of each file."""
    images: dict[Measure, int] = field(default_factory=dict)
    """Validation images that have a label by each measure; none where int8 was not asked for."""
    correct: dict[str, dict[Measure, int]] = field(default_factory=dict)
    """How many of them each file names right."""

    def accuracy(self, name: str, measure: Measure) -> float:
        """Return the share of the validation images that a file names right."""
        return self.correct[name][measure] / self.images[measure]

    def summary(self, name: str) -> str:
        """Say what a file takes and gives, and how it was found to answer."""
        ends = ", ".join(
            f"{kind} {end} [{', '.join(map(str, shape))}]"
            for kind, shapes in (("uint8", self.inputs), ("float32", self.outputs))
            for end, shape in shapes.items()
        )
        accuracies = [
            f"accuracy on validation by the {measure} {self.accuracy(name, measure):.4f}"
            for measure in self.images
        ]
        if name == FLOAT:
            accuracies.insert(
                0,
                f"at most {self.difference:.0e} from the library on {self.compared} "
                f"{self.compared_on} images",
            )
        return "; ".join([f"opset {self.opset}, {ends}", *accuracies])

    @classmethod
    def read(cls, artifact: Artifact) -> "Export | None":
        """Read a model's; `None` where it was not exported.

        Raises:
            UnknownModel: if something is damaged.
        """
        folder = artifact.path / ONNX
        if not folder.is_dir():
            return None
        try:
            export = cls(**json.loads((folder / REPORT).read_text()))
            there = {path.name: sha256(path) for path in folder.glob("*.onnx")}
        except (OSError, ValueError, TypeError) as error:
            raise UnknownModel(f"{folder / REPORT} cannot be read: {error}.") from error
        if there != export.sha256:
            raise UnknownModel(
                f"{folder} does not hold the files that its {REPORT} names: `python -m training "
                f"export {artifact.name}` writes them again."
            )
        return export

    def to_json(self) -> str:
        """Return the text of `export.json`."""
        values: dict[str, Any] = asdict(self)
        return json.dumps(values, indent=2) + "\n"
