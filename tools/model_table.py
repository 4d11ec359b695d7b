"""Write the README's table of models from their `metrics.json`, and how long each takes here.

python -m tools.model_table             # rewrites README.md between its two markers
python -m tools.model_table --time      # times every model first, into its `metrics.json`
"""

import json
import re
from pathlib import Path
from typing import Annotated, cast

import typer

from fer.artifacts import DEFAULT_MODEL, Artifact, list_models
from fer.artifacts.timing import Timing, time_in_turn
from fer.ferplus import MEASURES, Measure
from tools.machine import conditions

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- models: begin -->\n", "<!-- models: end -->\n"
HEADER = (
    "| model | weights | size | multiply-adds | ms a face | votes, validation | votes, test "
    "| 95% interval | label, validation | label, test | 95% interval | what for |\n"
    + "| --- " * 12
    + "|\n"
)
TIME = re.compile(r"^\| `(.+?)` \|(?:[^|\n]*\|){3} ([\d.]+) \|", re.MULTILINE)


ASKED = (
    ("default, votes", None, "votes", "accuracy", 0.865, 0.89),
    ("default, votes, calibration error", None, "votes", "calibration_error", 0.03, 0.015),
    ("default, votes, eight classes as papers count", None, "votes", "eight_classes", None, None),
    (
        "best single network below 10 M weights, label",
        "mobilenet-label",
        "label",
        "accuracy",
        0.725,
        0.745,
    ),
    ("ensemble, label", "ensemble", "label", "accuracy", 0.745, 0.768),
    ("the study's CNN learnt on votes, votes", "cnn-votes", "votes", "accuracy", 0.79, 0.82),
)
"""What was asked of the models on test, and by which figure; a model's own views."""
ASKED_BEGIN, ASKED_END = "<!-- asked: begin -->\n", "<!-- asked: end -->\n"


def with_asked(readme: str) -> str:
    """Return the README's text with its table of what was asked and reached made anew."""
    before, rest = readme.split(ASKED_BEGIN)
    after = rest.split(ASKED_END)[1]
    lines = ["| test | at least | aim | reached |\n| --- | --- | --- | --- |\n"]
    for what, name, measure, figure, least, aim in ASKED:
        artifact = Artifact.find(name or DEFAULT_MODEL)
        if figure == "eight_classes":
            reached = artifact.get("splits", "test", measure, figure, "accuracy")
        else:
            reached = artifact.figures("test", cast(Measure, measure))[figure]
        goals = " | ".join("–" if goal is None else f"{goal:g}" for goal in (least, aim))
        lines.append(f"| {what} | {goals} | {reached:.4f} |\n")
    return before + ASKED_BEGIN + "".join(lines) + ASKED_END + after


def with_table(readme: str) -> str:
    """Return the README's text with its table made anew.

    A model whose `metrics.json` states no time keeps the one that the table has.
    """
    before, rest = readme.split(BEGIN)
    old, after = rest.split(END)
    known = {name: float(time) for name, time in TIME.findall(old)}
    lines = [_line(Artifact.find(name), known.get(name)) for name in list_models()]
    return before + BEGIN + HEADER + "".join(lines) + END + after


def _line(artifact: Artifact, time: float | None) -> str:
    if timing := Timing.published(artifact):
        time = timing.milliseconds
    cells = []
    for measure in reversed(MEASURES):  # the votes first: by them the default is chosen
        if measure not in artifact.measures:
            cells += ["–"] * 3
            continue
        low, high = artifact.accuracy_interval("test", measure)
        cells += [f"{artifact.accuracy(split, measure):.4f}" for split in ("validation", "test")]
        cells += [f"{low:.4f} to {high:.4f}"]
    return (
        f"| `{artifact.name}` | {artifact.parameters:,} | {artifact.weights_bytes / 1e6:.1f} MB "
        f"| {artifact.metrics['multiply_adds'] / 1e6:,.0f} M "
        f"| {'–' if time is None else f'{time:.1f}'} | {' | '.join(cells)} "
        f"| {artifact.config.purpose} |\n"
    )


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
    """Rewrite the table; with times, say the conditions."""
    if time:
        publish_times()
    README.write_text(with_asked(with_table(README.read_text())))


if __name__ == "__main__":
    typer.run(main)
