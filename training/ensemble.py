"""Put together the models that validate best as one; nothing is trained for it.

python -m training train ensemble --data DIR
"""

import itertools
import sys
from pathlib import Path

import torch

from fer.artifacts import Artifact
from fer.ensemble import Ensemble
from fer.ferplus import NO_MAJORITY
from fer.networks import predict_logits
from training.data import Split, truth_to_choose_by
from training.engine import Fit
from training.evaluate import batches
from training.recipe import BadRecipe, Recipe


def assemble(
    recipe: Recipe, validation: Split, folder: Path, device: torch.device | str = "cpu"
) -> Fit:
    """Try every set of the recipe's candidates; take the one that validates best.

    Of equally good sets it is the one with fewer members.

    Args:
        recipe: its `network_arguments.members` are the candidates.
        folder: where the ensemble will be: its members may lie beside it.
        device: where the candidates answer.

    What is best is decided by the recipe's `choose_by`.

    Raises:
        BadRecipe: if there are no candidates.
        BadData: if it is to choose by votes, and there are none.
        UnknownModel: if a candidate does not exist or is damaged.
    """
    candidates = recipe.network_arguments.get("members")
    if (
        not isinstance(candidates, list)
        or not candidates
        or not all(isinstance(name, str) for name in candidates)
    ):
        raise BadRecipe('An ensemble needs network_arguments.members=["NAME", …].')
    truth = truth_to_choose_by(validation, recipe.choose_by)
    found = {name: Artifact(folder).find_member(name) for name in candidates}
    loaded = {name: (artifact.config, artifact.load_network()) for name, artifact in found.items()}
    answers = {}
    for name, (config, network) in loaded.items():
        network.to(device)
        logits = [
            predict_logits(network, config.preprocessing, some)
            for some in batches(validation.images.to(device), name)
        ]
        answers[name] = (torch.cat(logits) / config.temperature).softmax(1).cpu()
    tried = {
        names: _accuracy([answers[name] for name in names], truth.cpu())
        for size in range(1, len(loaded) + 1)
        for names in itertools.combinations(loaded, size)
    }
    for names, accuracy in sorted(tried.items(), key=lambda item: item[1]):
        print(
            f"validation, by the {recipe.choose_by}: {accuracy:.4f} {', '.join(names)}",
            file=sys.stderr,
        )
    best = max(tried, key=lambda names: tried[names])
    return Fit(
        name=recipe.name,
        purpose=recipe.purpose,
        network=Ensemble([loaded[name] for name in best]).eval(),
        network_arguments={"members": list(best)},
        history=[],
        chosen={
            "measure": recipe.choose_by,
            "by": f"validation accuracy, by the {recipe.choose_by}, of every set of the candidates",
            "tried": {", ".join(names): accuracy for names, accuracy in tried.items()},
        },
        init="its members",
        device=str(device),
    )


def _accuracy(answers: list[torch.Tensor], truth: torch.Tensor) -> float:
    known = truth != NO_MAJORITY
    return (torch.stack(answers).mean(0).argmax(1) == truth)[known].float().mean().item()
