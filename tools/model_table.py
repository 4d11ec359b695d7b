"""Write the README's table of models from their `metrics.json`, and how long each takes here.

python -m tools.model_table             # rewrites README.md between its two markers
python -m tools.model_table --time      # times every model again; otherwise the old times stay
"""

import re
from pathlib import Path
from typing import Annotated

import typer

from fer.artifacts import find_model, list_models
from fer.artifacts.report import Report
from fer.artifacts.timing import milliseconds_a_face
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
    report = Report.read(find_model(name))
    view = report.get("views") or "plain"
    cells = []
    for measure in (("votes",), ()):
        validation, test = (
            report.get("splits", split, *measure, view) for split in ("validation", "test")
        )
        if test is None:
            cells += ["–"] * 3
            continue
        low, high = test["accuracy_interval_95"]
        cells += [f"{validation['accuracy']:.4f}", f"{test['accuracy']:.4f}"]
        cells += [f"{low:.4f} to {high:.4f}"]
    return (
        f"| `{name}` | {report.parameters:,} | {report.weights_bytes / 1e6:.1f} MB "
        f"| {report.metrics['multiply_adds'] / 1e6:,.0f} M "
        f"| {'–' if time is None else f'{time:.1f}'} | {' | '.join(cells)} |\n"
    )


def main(
    time: Annotated[bool, typer.Option("--time", help="Time every model on this machine.")] = False,
) -> None:
    """Rewrite the table; with times, say the conditions."""
    times = None
    if time:
        print(conditions())
        times = {name: milliseconds_a_face(find_model(name)) for name in list_models()}
        for name, milliseconds in times.items():
            print(f"{name:32}{milliseconds:8.2f} ms a face")
    README.write_text(with_table(README.read_text(), times))


if __name__ == "__main__":
    typer.run(main)
