"""Train one recipe: set up, fit, validate, save. Reads top to bottom.

The whole data set lives on the device as uint8 and is augmented there in batches, so no
loader stands between the data and the step. Every epoch starts from seeds of its own, so a
run that was killed and resumed ends at the same weights as one that was not.

Lightning Fabric carries the loop to one device or many (`torchrun -m training train …`).
"""

import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from fer.artifacts import Artifact
from fer.ensemble import Ensemble
from fer.errors import FerError
from fer.ferplus import NO_MAJORITY
from fer.networks import build_network, check_input, predict_logits
from training.balance import class_weights, epoch_order, logit_offsets
from training.checkpoint import State
from training.data import Split, digest, truth_to_choose_by
from training.first_weights import FIRST_WEIGHTS
from training.freezing import freeze, initialise, unfold_norms
from training.heads import narrow, part, widen
from training.precision import computes_bfloat16
from training.recipe import Recipe
from training.small_maps import keep_depthwise_in_float32, use_matrix_products
from training.trunk import Kept, ask_above, keep_trunk, part_network


@dataclass
class Fit:
    """What a finished run hands over, of each of its heads."""

    name: str
    """The model's name."""
    purpose: str
    """What it is for."""
    network: nn.Module
    """The averaged weights of the epoch that validated best, on the CPU."""
    network_arguments: dict[str, Any]
    """What builds it again."""
    history: list[dict[str, float]]
    """One entry an epoch."""
    chosen: dict[str, Any]
    """By what figure these weights were chosen, and which they are; epochs count from 1."""
    init: str
    """What its first weights truly were."""
    device: str
    """The name of what it was trained on."""


def fit(
    recipe: Recipe,
    train: Split,
    validation: Split,
    checkpoint: Path,
    *,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> list[Fit]:
    """Train a recipe's network and keep, for each head, the weights that validate best.

    Args:
        recipe: what to train and how.
        train, validation: the data, on any device.
        checkpoint: file that is replaced after every epoch.
        resume: go on from that file, if it is there.
        fabric: the devices to use, launched; all that there are when left out.

    Raises:
        FerError: if the checkpoint belongs to another recipe or other data, or cannot be written;
            as `set_up` and `train_epoch`.
    """
    if fabric is None:
        fabric = Fabric(precision=recipe.precision)
        fabric.launch()
    run = set_up(fabric, recipe, train, validation, checkpoint.parent)
    state = run.state
    if resume and checkpoint.is_file():
        state.load(checkpoint, recipe)

    while state.epoch < recipe.epochs:
        started = time.perf_counter()
        line = {"epoch": state.epoch + 1} | train_epoch(run)
        measured = validate(run)
        line["seconds"] = round(time.perf_counter() - started, 2)
        state.epoch += 1
        for number, (head, figures) in enumerate(zip(recipe.heads, measured, strict=True)):
            history = state.history[number]
            history.append(line | figures)
            if figures[head.chosen_by] >= max(x[head.chosen_by] for x in history):
                state.best_epoch[number] = state.epoch
                state.best_weights[number] = {
                    name: value.cpu().clone()
                    for name, value in state.average.module.state_dict().items()
                }
        logged = state.history[0][-1]
        fabric.log_dict({k: v for k, v in logged.items() if k != "epoch"}, step=state.epoch)
        if fabric.is_global_zero:
            state.save(checkpoint, recipe)
            _print_epoch(recipe, state, len(train))
        fabric.barrier()

    device = torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else "CPU"
    return [_finish(recipe, state, number, run.init, device) for number in range(len(recipe.heads))]


def _finish(recipe: Recipe, state: State, number: int, init: str, device: str) -> Fit:
    """Make of one head and its best weights a network of its own."""
    head = recipe.heads[number]
    best = build_network(recipe.network, **recipe.network_arguments)
    narrow(state.best_weights[number], best, number)
    chosen = {
        "measure": head.measure,
        "by": f"{head.chosen_by.replace('_', ' ')} of the averaged weights, after each epoch",
        "epoch": state.best_epoch[number],
    }
    return Fit(
        name=recipe.name + head.suffix,
        purpose=head.purpose,
        network=best.eval(),
        network_arguments=recipe.network_arguments,
        history=state.history[number],
        chosen=chosen,
        init=init,
        device=device,
    )


@dataclass(frozen=True)
class Run:
    """A recipe with all that it needs to train, on the devices."""

    fabric: Fabric
    recipe: Recipe
    train: Split
    validation: Split
    targets: Tensor
    """What each head learns of each training image, float `[N, 7 * heads]`."""
    balances: list[tuple[Tensor | None, Tensor | None]]
    """For each head its weights and offsets against unbalanced classes, see `training.balance`."""
    state: State
    model: nn.Module
    """The state's network as Fabric wraps it, for autocast and DDP; of one whose frozen trunk is
    kept, what stands on it."""
    frozen: list[nn.Module]
    """The parts of it that do not learn."""
    init: str
    """What its first weights truly are."""
    teachers: Ensemble | None
    """Whose answers it learns, if any."""
    kept: Kept | None
    """What its frozen trunk answers, if that is kept."""


def set_up(
    fabric: Fabric, recipe: Recipe, train: Split, validation: Split, folder: Path | None = None
) -> Run:
    """Build a recipe's network, average and optimizer, and put all there is on the devices.

    Args:
        fabric: launched.
        train, validation: the data, on any device.
        folder: where a frozen trunk's answers are kept; this one when left out.

    Raises:
        BadData: if an epoch is to be chosen by votes, and there are none.
    """
    for head in recipe.heads:
        truth_to_choose_by(validation, head.measure)  # refused now, not after the last epoch
    train, validation = train.to(fabric.device), validation.to(fabric.device)
    learnt = [train.targets(head.votes_weight) for head in recipe.heads]
    balances = [
        (class_weights(recipe.balance, targets), logit_offsets(recipe.balance, targets))
        for targets in learnt
    ]
    torch.manual_seed(recipe.seed)
    network = build_network(recipe.network, **recipe.network_arguments)
    check_input(network, recipe.preprocessing)
    init = initialise(network, recipe)
    if recipe.init in FIRST_WEIGHTS and FIRST_WEIGHTS[recipe.init].folded:
        unfold_norms(network, recipe.preprocessing, train.images[:256].cpu())
    widen(network, len(recipe.heads))
    frozen = freeze(network, recipe.preprocessing, recipe.unfreeze_last)
    if fabric.is_global_zero:
        _print_counts(recipe, network, init)
    network = network.to(fabric.device).to(memory_format=torch.channels_last)
    if fabric.device.type == "cpu":
        use_matrix_products(network)
        keep_depthwise_in_float32(network)
    average = AveragedModel(network, multi_avg_fn=_averaging(recipe.ema_decay), use_buffers=True)
    if recipe.compile and _has_compiler():
        network.compile()
    learner, kept, targets = network, None, torch.cat(learnt, dim=1)
    if recipe.trunk_passes:
        trunk, learner = part_network(network, recipe)
        kept = keep_trunk(trunk, recipe, train, targets, validation, folder or Path())
    model, optimizer = fabric.setup(learner, _optimizer(network, recipe))
    teachers = _load_teachers(recipe.teachers, fabric.device) if recipe.teachers else None
    heads = len(recipe.heads)
    state = State(
        network,
        average,
        optimizer,
        data=digest([*vars(train).values(), *vars(validation).values()]),
        history=[[] for _ in range(heads)],
        best_epoch=[0] * heads,
        best_weights=[{} for _ in range(heads)],
    )
    return Run(
        fabric=fabric,
        recipe=recipe,
        train=train,
        validation=validation,
        targets=targets,
        balances=balances,
        state=state,
        model=model,
        frozen=frozen,
        init=init,
        teachers=teachers,
        kept=kept,
    )


def _averaging(decay: float) -> Callable[..., None]:
    """Return the exponential moving average for `AveragedModel`, over few steps at first.

    With the full decay from the start, the first weights and the first statistics of the norms
    would weigh in for epochs. The ramp is that of TensorFlow's `ExponentialMovingAverage`.
    """

    def update(averages: list[Tensor], current: list[Tensor], steps: Tensor) -> None:
        ramp = (1 + int(steps)) / (10 + int(steps))
        get_ema_multi_avg_fn(min(decay, ramp))(averages, current, steps)

    return update


def _load_teachers(names: Sequence[str], device: torch.device) -> Ensemble:
    """Load the models whose answers are learnt (Hinton et al. 2015); nothing of them learns."""
    found = [Artifact.find(name) for name in names]
    teachers = Ensemble([(artifact.config, artifact.load_network()) for artifact in found])
    return teachers.eval().to(device).to(memory_format=torch.channels_last)


def _print_epoch(recipe: Recipe, state: State, images: int) -> None:
    """Leave one line an epoch on stderr: what it gave, how fast, and how long it still takes."""
    line = state.history[0][-1]
    done = [entry["seconds"] for entry in state.history[0]]
    left = sum(done) / len(done) * (recipe.epochs - state.epoch)
    reached = "; ".join(
        f"{head.chosen_by.replace('_', ' ')} {history[-1][head.chosen_by]:.4f} "
        f"(best {max(x[head.chosen_by] for x in history):.4f}, epoch {best})"
        for head, history, best in zip(recipe.heads, state.history, state.best_epoch, strict=True)
    )
    tqdm.write(
        f"epoch {state.epoch}/{recipe.epochs}: loss {line['train_loss']:.4f}, {reached}, "
        f"{images / line['seconds']:,.0f} images/s, {tqdm.format_interval(left)} left",
        file=sys.stderr,
    )


def _has_compiler() -> bool:
    """Say whether `torch.compile` can build its kernels; without it, training is only slower."""
    found = shutil.which(os.environ.get("CXX", "c++")) is not None
    if not found:
        print("No C++ compiler is here: the network runs uncompiled.", file=sys.stderr)
    return found


def _print_counts(recipe: Recipe, network: nn.Module, init: str) -> None:
    """Say on stderr how much there is to learn, and from where."""
    everything = sum(p.numel() for p in network.parameters())
    learning = sum(p.numel() for p in network.parameters() if p.requires_grad)
    print(
        f"{recipe.name}: {everything:,} parameters, {learning:,} of them trainable, init {init}",
        file=sys.stderr,
    )


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Make the recipe's optimizer; biases and norms are not decayed."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.lr)
    return torch.optim.SGD(
        groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0
    )


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """Return the learning rate at a point in time, in epochs: linear warm-up, then a cosine."""
    if epoch <= recipe.warmup_epochs and recipe.warmup_epochs:
        return recipe.lr * epoch / recipe.warmup_epochs
    done = (epoch - recipe.warmup_epochs) / (recipe.epochs - recipe.warmup_epochs)
    return recipe.lr * (1 + math.cos(math.pi * min(done, 1))) / 2


def train_epoch(run: Run) -> dict[str, float]:
    """Pass once over the training images; return the epoch's training figures.

    Raises:
        FerError: if the loss is no longer a number.
    """
    fabric, recipe, state = run.fabric, run.recipe, run.state
    batches, generator = _begin_epoch(run)
    loss_sum = torch.zeros((), device=fabric.device)
    correct = torch.zeros((), device=fabric.device, dtype=torch.long)
    run.model.train()
    for layer in run.frozen:
        layer.eval()
    bar = _progress_bar(run, batches)
    for step, batch in enumerate(bar):
        lr = learning_rate(recipe, state.epoch + (step + 1) / len(batches))
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        index = batch[fabric.global_rank :: fabric.world_size]
        inputs, target = _batch(run, index, generator)
        logits = run.model(inputs).float()
        loss = _loss(run, logits, target)
        state.optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        state.optimizer.step()
        state.average.update_parameters(state.network)
        # Summed on the device: asking for a number every step would make it wait.
        loss_sum += loss.detach()
        correct += (part(logits)[0].argmax(1) == part(run.targets[index])[0].argmax(1)).sum()
        if step % 50 == 49:
            bar.set_postfix(loss=f"{loss_sum.item() / (step + 1):.4f}")
    loss_sum, correct = fabric.all_reduce((loss_sum, correct.float()), reduce_op="sum")
    mean_loss = loss_sum.item() / len(batches) / fabric.world_size
    if not math.isfinite(mean_loss):
        raise FerError(f"The loss is {mean_loss} in epoch {state.epoch + 1}: lower lr.")
    return {
        "lr": lr,
        "train_loss": round(mean_loss, 5),
        "train_accuracy": round(correct.item() / sum(map(len, batches)), 5),
    }


def _begin_epoch(run: Run) -> tuple[Sequence[Tensor], torch.Generator]:
    """Seed an epoch; return its batches, as the images' numbers, and what augments them."""
    recipe, fabric = run.recipe, run.fabric
    # The order is the same on every rank; augmentation and dropout differ.
    order_seed = recipe.seed * 10_000 + run.state.epoch
    order = epoch_order(
        recipe.balance, run.train.labels.cpu(), torch.Generator().manual_seed(order_seed)
    )
    rank_seed = order_seed * 1_000 + fabric.global_rank
    torch.manual_seed(rank_seed)
    # The last, smaller batch is left out: a batch norm fed by a handful of images is noise.
    steps = max(len(run.train) // recipe.batch_size, 1)
    batches = order[: steps * recipe.batch_size].to(fabric.device).chunk(steps)
    return batches, torch.Generator(fabric.device).manual_seed(rank_seed)


def _progress_bar(run: Run, batches: Sequence[Tensor]) -> tqdm:
    return tqdm(
        batches,
        desc=f"epoch {run.state.epoch + 1}/{run.recipe.epochs}",
        unit_scale=run.recipe.batch_size,
        unit="image",
        disable=not run.fabric.is_global_zero,
        leave=False,
        mininterval=1,
    )


def _batch(run: Run, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return what the model is given of some training images, and what it is to learn of them."""
    if run.kept is not None:
        turn = run.state.epoch % len(run.kept.maps)
        return run.kept.maps[turn][index].float(), run.kept.targets[turn][index]
    recipe = run.recipe
    images, target = recipe.augmentation(run.train.images[index], run.targets[index], generator)
    faces = recipe.preprocessing.tensor(images).contiguous(memory_format=torch.channels_last)
    return faces, _with_teachers(run, images, target)


def _with_teachers(run: Run, images: Tensor, target: Tensor) -> Tensor:
    """Mix the teachers' answers into what the first head learns of a batch, if there are any.

    They are asked for the very images, augmented, that the pupil sees (Beyer et al. 2022).
    """
    if run.teachers is None:
        return target
    device = run.fabric.device
    fast = computes_bfloat16(device)
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=fast):
        answers = run.teachers(images).exp()
    first, *others = part(target)
    return torch.cat([torch.lerp(first, answers, run.recipe.teachers_weight), *others], dim=1)


def _loss(run: Run, logits: Tensor, target: Tensor) -> Tensor:
    """Return the heads' cross-entropies, each with its weight, as one number.

    Args:
        logits, target: float `[N, 7 * heads]`.
    """
    loss = torch.zeros((), device=logits.device)
    for head, answer, aim, (weights, offsets) in zip(
        run.recipe.heads, part(logits), part(target), run.balances, strict=True
    ):
        learnt = answer if offsets is None else answer + offsets
        loss = loss + head.weight * F.cross_entropy(
            learnt, aim, weight=weights, label_smoothing=head.label_smoothing
        )
    return loss


def validate(run: Run) -> list[dict[str, float]]:
    """Return the averaged weights' validation figures for each head, by both measures."""
    network, validation = run.state.average.module, run.validation
    if run.kept is None:
        answers = part(predict_logits(network, run.recipe.preprocessing, validation.images))
    else:
        _, learner = part_network(network, run.recipe)
        answers = part(ask_above(learner, run.kept.validation))
    agreed = validation.majority != NO_MAJORITY
    voted = validation.majority[agreed]

    def figures(logits: Tensor) -> dict[str, float]:
        right = (logits.argmax(1) == validation.labels).float().mean()
        agrees = (logits[agreed].argmax(1) == voted).float().mean()
        return {
            "validation_loss": round(F.cross_entropy(logits, validation.labels).item(), 5),
            "validation_accuracy": round(right.item(), 5),
            "validation_votes_loss": round(F.cross_entropy(logits[agreed], voted).item(), 5),
            "validation_votes_accuracy": round(agrees.item(), 5),
        }

    return [figures(logits) for logits in answers]
