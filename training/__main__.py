"""`python -m training`: prepare data, train, measure, list, write cards, export, publish.

python -m training train cnn --data ../shared/data
python -m training evaluate cnn --data ../shared/data
python -m training list
python -m training card cnn
python -m training export cnn --format onnx
python -m training export mobilenet --format transformers
python -m training publish cnn --repo-id ORG/NAME
"""

import dataclasses
import io
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from safetensors import SafetensorError

from fer.errors import FerError
from fer.stdout import printing

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from lightning.fabric.loggers import TensorBoardLogger

    from fer.artifacts import Artifact
    from training.recipe import Recipe

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    # \b keeps the lines of the paragraph that follows.
    help=__doc__ and __doc__.replace("\n\n", "\n\n\b\n"),
)

Data = Annotated[Path, typer.Option(help="Folder with train, validation and test.parquet.")]


@app.command("train")
def train_(
    recipe_name: Annotated[str, typer.Argument(metavar="RECIPE", help="A name or a TOML file.")],
    data: Data,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Replace a recipe's value.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The model's folder [runs/NAME].")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write each epoch's figures to OUT.tensorboard.")
    ] = False,
    images: Annotated[
        int | None, typer.Option(min=1, help="Use only so many of each split: a smoke run.")
    ] = None,
) -> None:
    """Train a recipe and write the model's folder."""
    # Imported here, as in all commands: PyTorch and Lightning take seconds to load, which `--help`
    # does not need, and Ctrl-C meanwhile is a traceback but from within a command.
    from fer.config import ENSEMBLE
    from training.artifact import check_target, write_artifact
    from training.checkpoint import written_recipe
    from training.data import SPLITS, load_split
    from training.engine import fit
    from training.ensemble import assemble
    from training.precision import choose_precision
    from training.recipe import load_recipe

    pairs = [text.partition("=") for text in overrides or ()]
    if wrong := [key for key, equals, _ in pairs if not equals]:
        raise FerError(f"{wrong[0]!r} is not of the form key=value.")
    given = {key: value for key, _, value in pairs}
    recipe = load_recipe(recipe_name, given)
    out = (out or Path("runs") / recipe.name).absolute()
    checkpoint = out.with_name(out.name + ".ckpt")
    train, validation, test = (load_split(data, name).head(images) for name in SPLITS)
    folders = [out.with_name(out.name + head.suffix) for head in recipe.heads]
    check_target(folders, checkpoint, resume)
    said = None
    if "precision" not in given:
        began = written_recipe(checkpoint) if resume and checkpoint.is_file() else None
        recipe, said = choose_precision(recipe, began)
    fabric = launched(recipe.precision, _tensorboard(out) if tensorboard else None)
    if said and fabric.is_global_zero:
        print(said, file=sys.stderr)
    try:
        if recipe.network == ENSEMBLE:
            fits = [assemble(recipe, validation, out, fabric.device)]
        else:
            fits = fit(recipe, train, validation, checkpoint, fabric=fabric, resume=resume)
        for folder, result in zip(folders, fits, strict=True):
            if fabric.is_global_zero:
                metrics = write_artifact(
                    folder, recipe, result, train, validation, test, fabric.device
                )
                print(f"{folder}: {_summary(metrics['splits'])}")
    except KeyboardInterrupt as interrupt:
        where = " before there was anything to go on from"
        if checkpoint.is_file():
            where = f": the epochs done are in {checkpoint}, and --resume goes on from there"
        raise FerError(f"Interrupted{where}.") from interrupt


def launched(precision: Any, loggers: "TensorBoardLogger | None") -> "Fabric":
    """Set up what trains: the processes of torchrun or srun, or this machine.

    Raises:
        FerError: if what started this process, or its environment, does not fit together.
    """
    from lightning.fabric import Fabric
    from lightning.fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    # Inside an allocation SLURM's variables stand also for what is started by hand, which is one
    # process, however many tasks were asked for: only srun says that its step has several.
    by_hand = int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) < 2 and not int(
        os.environ.get("SLURM_PROCID", 0)
    )
    alone = by_hand and "SLURM_NTASKS" in os.environ and not TorchElasticEnvironment.detect()
    try:
        fabric = Fabric(
            devices=int(os.environ.get("LOCAL_WORLD_SIZE", 0)) or "auto",  # torchrun's own count
            num_nodes=int(os.environ.get("GROUP_WORLD_SIZE", 1)),
            precision=precision,
            loggers=loggers,
            plugins=[LightningEnvironment()] if alone else None,
        )
        fabric.launch()
    except (ValueError, RuntimeError, KeyError, MisconfigurationException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FerError(
            f"The processes to train with cannot be set up ({reason}). Start one by hand, or "
            "several with torchrun --nproc-per-node N -m training train …"
        ) from error
    return fabric


def _tensorboard(out: Path) -> "TensorBoardLogger":
    from lightning.fabric.loggers import TensorBoardLogger

    try:
        return TensorBoardLogger(out.parent, name=f"{out.name}.tensorboard", version="")
    except ModuleNotFoundError as error:
        raise FerError("--tensorboard needs the package tensorboard: pip install it.") from error


@app.command("zoo", context_settings={"ignore_unknown_options": True})
def zoo_(
    data: Data,
    runs: Annotated[Path, typer.Option(help="Where the models go.")] = Path("runs"),
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Passed on to every `train`.")
    ] = None,
) -> None:
    """Train every recipe, the most valuable first; what is finished is skipped."""
    from training.data import SPLITS, load_split
    from training.zoo import train_all

    for split in SPLITS:
        load_split(data, split)  # what is wrong with them would be said once a recipe
    if failed := train_all(data, runs, arguments or ()):
        raise FerError(f"These recipes failed, each for the reason above: {', '.join(failed)}.")


@app.command("evaluate")
def evaluate_(
    model: Annotated[str, typer.Argument(help="In models/ or runs/, a folder or a Hub id.")],
    data: Data,
    write: Annotated[
        bool, typer.Option("--write", help="Replace the figures and the card in its folder.")
    ] = False,
    ten_crop: Annotated[
        bool, typer.Option("--ten-crop", help="Ten-crop averaging, too, as papers report it.")
    ] = False,
    choose_views: Annotated[
        bool,
        typer.Option("--choose-views", help="With --write: choose its views and temperature anew."),
    ] = False,
    adjust_logits: Annotated[
        bool,
        typer.Option(
            "--adjust-logits", help="With --write: the same, and name rare emotions more often."
        ),
    ] = False,
) -> None:
    """Measure a model's weights again, as it answers now, and print what comes out."""
    import torch

    from training.artifact import find_artifact, measure_again
    from training.data import SPLITS, load_split
    from training.evaluate import evaluate

    if (choose_views or adjust_logits) and not write:
        option = "--choose-views" if choose_views else "--adjust-logits"
        raise FerError(f"{option} changes the model: give --write, too.")
    artifact = find_artifact(model, to_write=write)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train, validation, test = (load_split(data, name) for name in SPLITS)
    if write:
        measured = measure_again(
            artifact.path,
            train,
            validation,
            test,
            device,
            ten_crop=ten_crop,
            choose=choose_views,
            adjust=adjust_logits,
        )["splits"]
    else:
        network, config = artifact.load_network().to(device), artifact.config
        measured = evaluate(
            network,
            config.preprocessing,
            train,
            validation,
            test,
            as_configured=config,
            ten_crop=ten_crop,
        ).splits
    print(f"{artifact.path}: {_summary(measured)}")


@app.command("robustness")
def robustness_(
    model: Annotated[str, typer.Argument(help="In models/ or runs/, a folder or a Hub id.")],
    data: Data,
    images: Annotated[
        int | None, typer.Option(min=1, help="Disturb only the first so many test images.")
    ] = None,
) -> None:
    """Measure a model on disturbed test images and write robustness.json into its folder."""
    import torch

    from fer.artifacts.store import ROBUSTNESS
    from fer.files import replacing
    from training.artifact import find_artifact
    from training.data import load_split
    from training.robustness import measure_robustness

    artifact = find_artifact(model, to_write=True)
    path = artifact.path / ROBUSTNESS
    if images and path.exists():
        raise FerError(f"{path} is there: leave out --images, or move it away first.")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    measured = measure_robustness(artifact, load_split(data, "test").head(images), device=device)
    with replacing(path) as partial:
        partial.write_text(measured.to_json())
    print(path)


@app.command("prepare")
def prepare_(
    source: Annotated[Path, typer.Argument(help="fer2013.csv, a tree of folders, or Parquet.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The data folder to write.")],
) -> None:
    """Turn FER-2013 as people have it into a data folder, and say what differs."""
    # It reads photos of every format, which a bare training machine cannot.
    from training.prepare import prepare

    for remark in prepare(source, folder) or ["This is the official split, with FER+ votes."]:
        print(remark)


@app.command("list")
def list_() -> None:
    """Print the recipes and the models that they left, with what each reached by both measures."""
    from fer.artifacts.store import RECIPE
    from training.artifact import finished_artifacts
    from training.recipe import list_recipes, load_recipe

    finished = {artifact.name: artifact for artifact in finished_artifacts()}
    print(f"{'':33}{'':7}{'label':>15}{'votes':>18}")
    print(f"{'recipe':33}{'epochs':>7}{'valid.':>9}{'test':>8}{'valid.':>10}{'test':>8}  learnt")
    for name in list_recipes():
        recipe = load_recipe(name)
        for head in recipe.heads:
            line = f"{name + head.suffix:33}{recipe.epochs or '–':>7}"
            artifact = finished.get(name + head.suffix)
            if artifact is None:
                print(f"{line}{'not trained':>35}  {_learnt(recipe, recipe.init)}")
                continue
            ran = load_recipe(str(artifact.path / RECIPE))
            init = artifact.metrics["init"]
            print(f"{line}{_figures(artifact)}  {_learnt(ran, init)}{_changed(recipe, ran)}")


def _figures(artifact: "Artifact") -> str:
    """Return the accuracies on validation and test, by the label and by the votes."""
    from fer.ferplus import MEASURES

    cells = []
    for measure in MEASURES:
        for split, width in (("validation", 10 if measure == "votes" else 9), ("test", 8)):
            known = measure in artifact.measures
            cell = f"{artifact.accuracy(split, measure):.4f}" if known else "–"
            cells.append(f"{cell:>{width}}")
    return "".join(cells)


def _learnt(recipe: "Recipe", init: str) -> str:
    """Say in a line what a recipe learns, and from where it starts."""
    from fer.config import ENSEMBLE

    if recipe.network == ENSEMBLE:
        return f"the best set of its candidates by the {recipe.choose_by}"
    aim = {0.0: "labels", 1.0: "votes"}.get(recipe.votes_weight, f"{recipe.votes_weight:.0%} votes")
    teachers = f" and {', '.join(recipe.teachers)}" if recipe.teachers else ""
    start = init if init.startswith("grown from ") else f"from {init}"
    return f"{aim}{' and labels' if recipe.label_head else ''}{teachers}, {start}"


def _changed(recipe: "Recipe", ran: "Recipe") -> str:
    """Say by which values the run that left a model differed from the recipe of today."""
    now, then = _flat(dataclasses.asdict(recipe)), _flat(dataclasses.asdict(ran))
    changed = [
        f"{key}={value}"
        for key, value in then.items()
        if key not in ("name", "purpose") and now.get(key) != value
    ]
    return f"; run with {', '.join(changed)}" if changed else ""


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name each value as the command line does: `augmentation.mixup`."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


@app.command("card")
def card_(names: Annotated[list[str], typer.Argument(help="Names or folders.")]) -> None:
    """Write README.md and the confusion matrix of models again, from their figures."""
    from training.artifact import find_artifact
    from training.card import write_card  # training itself needs no huggingface_hub

    for name in names:
        folder = find_artifact(name, to_write=True).path
        write_card(folder)
        print(folder / "README.md")


@app.command("export")
def export_(
    name: Annotated[str, typer.Argument(help="In models/ or runs/, a folder or a Hub id.")],
    format_: Annotated[
        Literal["onnx", "transformers"], typer.Option("--format", help="What to write it as.")
    ] = "onnx",
    int8: Annotated[
        bool, typer.Option("--int8", help="In int8 as well, measured on validation.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="FER-2013: checks on test images; --int8 needs it.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the files go [NAME/FORMAT].")
    ] = None,
) -> None:
    """Write a model, with what stands around its network, for ONNX Runtime or transformers."""
    # A bare training machine has not what these need.
    from fer.artifacts import local_folders
    from training import export_transformers
    from training.artifact import find_artifact
    from training.card import write_card
    from training.export import export

    artifact = find_artifact(name)
    if output is None and not local_folders(name):
        raise FerError(f"{name} is on the Hub: give --output DIR.")
    folder = output or artifact.path / format_
    if format_ == "transformers":
        if int8:
            raise FerError("--int8 goes with --format onnx.")
        difference = export_transformers.export(artifact, folder, data)
        said = [f"{folder}: at most {difference:.0e} from the library's answer to one view"]
    else:
        written = export(artifact, folder, data, int8)
        files = sorted(folder.glob("*.onnx"))
        said = [f"{path}: {written.summary(path.name)}" for path in files]
    if output is None:
        write_card(artifact.path)
    print(*said, sep="\n")


@app.command("publish")
def publish_(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="In models/ or runs/, or a folder.")
    ] = None,
    repo_id: Annotated[
        str | None, typer.Option(metavar="ORG/NAME", help="On the Hub; with --all, ORG alone.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every model with weights, and a collection.")
    ] = False,
    space: Annotated[
        str | None, typer.Option(metavar="ORG/NAME", help="Publish the app as this Space.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository private.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="Commit to this branch [main].")
    ] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request.")] = False,
    dry_run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Only write there what would be uploaded.")
    ] = None,
) -> None:
    """Upload models, or the app as a Space, to the Hugging Face Hub."""
    from training.artifact import find_artifact
    from training.publish import check_destination, publish_all, publish_model, stage_models
    from training.space import publish_space, stage_space

    if [name is not None, everything, space is not None].count(True) != 1:
        raise FerError("Say what to publish: a model's NAME, --all or --space ORG/NAME.")
    if space is None and repo_id is None:
        raise FerError("Say where to on the Hub: --repo-id ORG/NAME, or with --all --repo-id ORG.")
    if space is not None and (repo_id or revision or create_pr):
        raise FerError("A Space has its own name and runs from main: give --space alone.")
    if not everything:
        check_destination(space or repo_id or "", revision, create_pr)
    if dry_run is not None:
        if space is not None:
            stage_space(dry_run)
        else:
            stage_models(dry_run, name, repo_id or "")
        files = sorted(path for path in dry_run.rglob("*") if path.is_file())
        for path in files:
            print(f"{path.stat().st_size:12,} {path}")
    elif space is not None:
        print(publish_space(space, private=private))
    else:
        assert repo_id is not None
        if name is None:
            addresses = publish_all(repo_id, private, revision, create_pr)
        else:
            folder = find_artifact(name).path
            addresses = [publish_model(folder, repo_id, private, revision, create_pr)]
        print(*addresses, sep="\n")


def _summary(splits: dict[str, Any]) -> str:
    """Say what was measured on each split, by both measures."""
    from fer.faces.preprocessing import VIEWS

    lines = []
    for name, split in splits.items():
        for of, figures in (("label", split), ("votes", split.get("votes"))):
            if figures is None:
                continue
            low, high = figures["plain"]["accuracy_interval_95"]
            others = [
                f"{view.replace('_', '-')} {figures[view]['accuracy']:.4f}, "
                for view in (*VIEWS, "ten_crop")
                if view != "plain" and view in figures
            ]
            lines.append(
                f"{name}, by the {of}: accuracy {figures['plain']['accuracy']:.4f} "
                f"({low:.4f} to {high:.4f}), {''.join(others)}"
                f"macro F1 {figures['plain']['macro_f1']:.4f}"
            )
    return "; ".join(lines)


def main() -> None:
    """Run the command; what a user got wrong ends in one sentence and exit status 2."""
    # A scheduler's polite end is treated as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a path may hold what the terminal cannot write
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        except (SystemExit, OSError):
            with printing():  # or Python says that it cannot write, as it ends
                pass
            raise
    except BrokenPipeError:
        sys.exit(1)
    except (FerError, OSError, SafetensorError) as error:
        print(f"training: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
