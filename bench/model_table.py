"""Write the README's table of models from their `metrics.json`.

python -m bench.model_table          # rewrites README.md between its two markers
"""

from pathlib import Path

from fer.artifacts import find_model, list_models
from fer.report import Report

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- models: begin -->\n", "<!-- models: end -->\n"
HEADER = (
    "| model | init | weights | size | validation | test | test, 95% interval | macro F1 |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


def table() -> str:
    """Return the table in Markdown, a line for each model in `models/`."""
    return HEADER + "".join(_line(name) for name in list_models())


def with_table(readme: str) -> str:
    """Return the README's text with its table made anew."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table() + END + after


def _line(name: str) -> str:
    report = Report.read(find_model(name))
    test = report.metrics["splits"]["test"]["plain"]
    low, high = test["accuracy_interval_95"]
    return (
        f"| `{name}` | {report.metrics['init']} | {report.parameters:,} "
        f"| {report.weights_bytes / 1e6:.1f} MB | {report.accuracy('validation'):.4f} "
        f"| {report.accuracy('test'):.4f} | {low:.4f} to {high:.4f} | {test['macro_f1']:.4f} |\n"
    )


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
