"""Write the README's table of models from their `metrics.json`, and how long each takes here.

python -m tools.model_table             # rewrites README.md between its two markers
python -m tools.model_table --time      # times every model again; otherwise the old times stay
"""

import re
from pathlib import Path
from typing import Annotated

import typer

from fer.artifacts import Artifact, list_models
from fer.artifacts.timing import milliseconds_a_face
from fer.ferplus import MEASURES
from tools.machine import conditions

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- models: begin -->\n", "<!-- models: end -->\n"
HEADER = (
    "| model | weights | size | multiply-adds | ms a face | votes, validation | votes, test "
    "| 95% interval | label, validation | label, test | 95% interval |\n" + "| --- " * 11 + "|\n"
)
TIME = re.compile(r"^\| `(.+?)` \|(?:.*?\|){3} ([\d.]+) \|", re.MULTILINE)


def with_table(readme: str, times: dict[str, float] | None = None) -> str:
    """Return the README's text with its table made anew.

    Args:
        times: milliseconds a face by model; what the table says now when left out.
    """
    before, rest = readme.split(BEGIN)
    old, after = rest.split(END)
    known = times or {name: float(time) for name, time in TIME.findall(old)}
    lines = [_line(name, known.get(name)) for name in list_models()]
    return before + BEGIN + HEADER + "".join(lines) + END + after


def _line(name: str, time: float | None) -> str:
    artifact = Artifact.find(name)
    cells = []
    for measure in reversed(MEASURES):  # the votes first: by them the default is chosen
        if measure not in artifact.measures:
            cells += ["–"] * 3
            continue
        low, high = artifact.accuracy_interval("test", measure)
        cells += [f"{artifact.accuracy(split, measure):.4f}" for split in ("validation", "test")]
        cells += [f"{low:.4f} to {high:.4f}"]
    return (
        f"| `{name}` | {artifact.parameters:,} | {artifact.weights_bytes / 1e6:.1f} MB "
        f"| {artifact.metrics['multiply_adds'] / 1e6:,.0f} M "
        f"| {'–' if time is None else f'{time:.1f}'} | {' | '.join(cells)} |\n"
    )


def main(
    time: Annotated[bool, typer.Option("--time", help="Time every model on this machine.")] = False,
) -> None:
    """Rewrite the table; with times, say the conditions."""
    times = None
    if time:
        print(conditions())
        times = {name: milliseconds_a_face(Artifact.find(name)) for name in list_models()}
        for name, milliseconds in times.items():
            print(f"{name:32}{milliseconds:8.2f} ms a face")
    README.write_text(with_table(README.read_text(), times))


if __name__ == "__main__":
    typer.run(main)
