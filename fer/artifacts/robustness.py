"""How often a model is right on disturbed images: `robustness.json`, which may be absent.

`training.robustness` writes it; `fer.compare.robustness` compares.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from fer.artifacts.store import ROBUSTNESS, Artifact
from fer.errors import UnknownModel
from fer.ferplus import Measure

SEVERITIES = 5
"""Strengths of each corruption, the weakest first."""

CORRUPTIONS = {
    "gaussian_blur": "blur",
    "gaussian_noise": "noise",
    "shot_noise": "noise of little light",
    "brightness": "over-exposure",
    "darkness": "darkness",
    "contrast": "little contrast",
    "jpeg_compression": "strong JPEG compression",
    "pixelate": "fewer pixels",
    "rotation": "a turned head",
    "eyes_covered": "covered eyes",
    "mouth_covered": "a covered mouth",
}
"""What is done to the images, and what to call it. The names are those of Hendrycks and Dietterich
(2019) where they have such a corruption; darkness, turning and covering are this project's."""


@dataclass(frozen=True)
class Robustness:
    """Right answers to one split's images, as they are and disturbed, by each measure."""

    split: str
    seed: int
    """Of the noise and of the side to which heads are turned."""
    weights_sha256: dict[str, str]
    """Of the weights that were measured, as `metrics.json` has them."""
    images: dict[Measure, int]
    """How many images were asked that have a label by this measure."""
    clean: dict[Measure, int]
    """How many of them were right undisturbed."""
    corrupted: dict[Measure, dict[str, list[int]]]
    """How many were right under each of `CORRUPTIONS`, at each of `SEVERITIES`."""

    @classmethod
    def read(cls, artifact: Artifact) -> "Robustness | None":
        """Read a model's; `None` where it was not measured.

        Raises:
            UnknownModel: if the file is damaged, or is of other weights.
        """
        path = artifact.path / ROBUSTNESS
        if not path.is_file():
            return None
        try:
            found = cls(**json.loads(path.read_text()))
            found.check()
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnknownModel(f"{path} cannot be read: {error}.") from error
        if found.weights_sha256 != artifact.get("weights_sha256"):
            raise UnknownModel(
                f"{path} is of other weights: `python -m training robustness {artifact.name} "
                "--data DIR` measures these."
            )
        return found

    def check(self) -> None:
        """Check that each measure has all corruptions' counts.

        Raises:
            ValueError: if one has not.
        """
        for measure, images in self.images.items():
            counts = [self.clean[measure]]
            for name, right in self.corrupted[measure].items():
                if name not in CORRUPTIONS or len(right) != SEVERITIES:
                    raise ValueError(f"it has no {SEVERITIES} counts of {name}")
                counts += right
            if not all(0 <= count <= images for count in counts):
                raise ValueError("it counts more right answers than images")

    def to_json(self) -> str:
        """Return the text of `robustness.json`."""
        values: dict[str, Any] = asdict(self)
        return json.dumps(values, indent=2) + "\n"
