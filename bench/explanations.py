"""Measure whether the heat of `fer.explain` lies where the answer comes from.

    python -m bench.explanations --data ../shared/data [--layers features.7,features.12]

Deletion (Samek et al. 2017): the hottest fifth of a face, in tiles of 6 x 6 pixels, is covered
with its mean grey, and so is the coldest; printed is what that takes from the probability of the
emotion named, on validation images. A heat that says something costs far more than random tiles
where it is hot, and nothing where it is cold.
"""

from pathlib import Path
from typing import Annotated

import typer

from fer.artifacts import DEFAULT_MODEL
from fer.explain import maps_and_gradient, to_heat
from fer.networks import explained_layer
from fer.recognizer import Recognizer
from tools.covering import SHARE, cost_of_covering, random_heat
from training.data import load_split


def main(
    data: Annotated[Path, typer.Option()],
    model: str = DEFAULT_MODEL,
    images: int = 600,
    layers: Annotated[str, typer.Option(help="Comma separated; the one in use if empty.")] = "",
) -> None:
    """Print the cost of covering for Grad-CAM and HiResCAM at some layers, and for chance."""
    recognizer = Recognizer.from_pretrained(model)
    faces = load_split(data, "validation").images[:images]
    emotions = recognizer.probabilities(faces).argmax(1)
    config = recognizer.config
    used = explained_layer(config.network, recognizer.network, config.preprocessing.size)
    heats = {"chance": random_heat(len(faces))}
    for layer in layers.split(",") if layers else [used]:
        inputs = recognizer.config.preprocessing.tensor(faces.to(recognizer.device))
        maps, gradient = maps_and_gradient(recognizer, inputs, emotions, layer)
        weight = gradient.mean(dim=(2, 3), keepdim=True)
        heats[f"Grad-CAM {layer}"] = to_heat((weight * maps).sum(1))
        heats[f"HiResCAM {layer}"] = to_heat((gradient * maps).sum(1))
    print(f"{model}, {len(faces)} validation images, {SHARE:.0%} of each covered")
    print(f"{'heat':32}{'hottest':>9}{'coldest':>9}")
    for name, heat in heats.items():
        hot, cold = (
            cost_of_covering(recognizer, faces, emotions, side).mean() for side in (heat, -heat)
        )
        print(f"{name:32}{hot:9.3f}{cold:9.3f}")


if __name__ == "__main__":
    typer.run(main)
