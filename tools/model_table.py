"""Write the tables of models, in the README and in full, from their `metrics.json`.

python -m tools.model_table             # rewrites README.md and docs/models.md
python -m tools.model_table --time      # times every model first, into its `metrics.json`
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from fer.artifacts import DEFAULT_MODEL, Artifact, list_models
from fer.artifacts.timing import Timing, time_in_turn
from fer.ferplus import MEASURES, Measure
from tools.machine import conditions

ROOT = Path(__file__).resolve().parents[1]
README, FULL = ROOT / "README.md", ROOT / "docs" / "models.md"

ASKED = (
    ("default, votes", None, "votes", "accuracy", 0.865, 0.89),
    ("default, votes, calibration error", None, "votes", "calibration_error", 0.03, 0.015),
    ("default, votes, eight classes as papers count", None, "votes", "eight_classes", None, None),
    (
        "best single network below 10 M weights, label",
        "mobilenet-again-label",
        "label",
        "accuracy",
        0.725,
        0.745,
    ),
    ("ensemble, label", "ensemble", "label", "accuracy", 0.745, 0.768),
    ("the study's CNN learnt on votes, votes", "cnn-votes", "votes", "accuracy", 0.79, 0.82),
)
"""What was asked of the models on test, and by which figure; a model's own views."""

PARTS = (
    "mobilenet-128",
    "mobilenet-128-again",
    "mobilenet-128-again-label",
    "mobilenet-128-label",
    "mobilenet-b-again-label",
    "mobilenet-b-label",
)
"""Made for ensembles, and by themselves nobody's choice: the full table alone has them."""


def with_table(text: str) -> str:
    """Return the README's text with its tables made anew: models to choose from, and the goals."""
    artifacts = [x for x in _shipped() if x.has_weights and x.name not in PARTS]
    header = ("model", "size", "ms a face", "votes, test", "label, test", "what for")
    rows = [
        (_name(x), _size(x), _time(x), *(_accuracy(x, "test", by) for by in _VOTES_FIRST), _use(x))
        for x in artifacts
    ]
    return _between("asked", _between("models", text, _table(header, rows)), _asked())


def with_full_table(text: str) -> str:
    """Return the text of docs/models.md with its table, of every model, made anew."""
    header = ["model", "weights", "size", "multiply-adds", "ms a face"]
    for measure in _VOTES_FIRST:
        header += [f"{measure}, validation", f"{measure}, test", "95% interval"]
    rows = [
        [
            *(_name(x), f"{x.parameters:,}", _size(x)),
            *(f"{x.metrics['multiply_adds'] / 1e6:,.0f} M", _time(x)),
            *(cell for measure in _VOTES_FIRST for cell in _accuracies(x, measure)),
            _use(x),
        ]
        for x in _shipped()
    ]
    return _between("models", text, _table([*header, "what for"], rows))


_VOTES_FIRST = MEASURES[::-1]  # by them the default is chosen


def _shipped() -> list[Artifact]:
    return [Artifact.find(name) for name in list_models()]


def _asked() -> str:
    rows = []
    for what, name, measure, figure, least, aim in ASKED:
        artifact = Artifact.find(name or DEFAULT_MODEL)
        if figure == "eight_classes":
            reached = artifact.get("splits", "test", measure, figure, "accuracy")
        else:
            reached = artifact.figures("test", cast(Measure, measure))[figure]
        goals = ["–" if goal is None else f"{goal:g}" for goal in (least, aim)]
        rows.append([what, *goals, f"{reached:.4f}"])
    return _table(["test", "at least", "aim", "reached"], rows)


def _between(what: str, text: str, table: str) -> str:
    """Put a table between the two markers of its name."""
    begin, end = f"<!-- {what}: begin -->\n", f"<!-- {what}: end -->\n"
    before, rest = text.split(begin)
    return before + begin + table + end + rest.split(end)[1]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _name(artifact: Artifact) -> str:
    return f"`{artifact.name}`"


def _size(artifact: Artifact) -> str:
    return f"{artifact.weights_bytes / 1e6:.1f} MB"


def _time(artifact: Artifact) -> str:
    timing = Timing.published(artifact)
    return "–" if timing is None else f"{timing.milliseconds:.1f}"


def _use(artifact: Artifact) -> str:
    return artifact.config.purpose


def _accuracy(artifact: Artifact, split: str, measure: Measure) -> str:
    return f"{artifact.accuracy(split, measure):.4f}" if measure in artifact.measures else "–"


def _accuracies(artifact: Artifact, measure: Measure) -> list[str]:
    """Return three cells: on validation, on test, and the latter's interval."""
    if measure not in artifact.measures:
        return ["–"] * 3
    low, high = artifact.accuracy_interval("test", measure)
    accuracies = [_accuracy(artifact, split, measure) for split in ("validation", "test")]
    return [*accuracies, f"{low:.4f} to {high:.4f}"]


def publish_times() -> None:
    """Time all models by turns and state it in their `metrics.json`; say the conditions."""
    print(conditions())
    found = [Artifact.find(name) for name in list_models()]
    artifacts = [artifact for artifact in found if artifact.has_weights]
    times = time_in_turn(artifacts)
    for artifact in artifacts:
        timing = times[artifact.name]
        print(
            f"{artifact.name:32}{timing.milliseconds:8.2f} ms a face, {timing.slowest:.2f} in the "
            "slowest turn"
        )
        metrics = artifact.metrics | {"timing": timing.to_dict()}
        (artifact.path / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    if any(timing.busy for timing in times.values()):
        print("The machine had other work: do not publish these times.")


def main(
    time: Annotated[bool, typer.Option("--time", help="Time every model on this machine.")] = False,
) -> None:
    """Rewrite the tables; with times, say the conditions."""
    if time:
        publish_times()
    README.write_text(with_table(README.read_text()))
    FULL.write_text(with_full_table(FULL.read_text()))


if __name__ == "__main__":
    typer.run(main)
