"""What pyproject.toml cannot say: the models that a wheel carries, and what only the app needs."""

import json
import runpy
import shutil
import sys
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = runpy.run_path(str(ROOT / "fer" / "shipped.py"))

LIMIT = 90_000_000
"""Bytes of models that a wheel carries at most: package indexes take files of 100 MB."""


def shipped_models(models: Path, default: str, limit: int = LIMIT) -> tuple[list[str], list[str]]:
    """Choose the models for a wheel: the default with its members, then the smallest that fit.

    Args:
        models: the folder that holds them all.
        default: the name of the model used if none is named.
        limit: bytes that they may take together.

    Returns:
        The names of those that go in, and of those that are left out.
    """
    size = {
        path.parent.name: sum(file.stat().st_size for file in path.parent.iterdir())
        for path in models.glob("*/config.json")
        if path.parent.suffix not in SHIPPED["UNFINISHED"]
    }
    config = json.loads((models / default / "config.json").read_text())
    inside = [default, *config["network_arguments"].get("members", ())]
    if sum(size[name] for name in inside) > limit:
        sys.exit(
            f"The default model, {default}, is over the {limit:,} bytes that a wheel may take."
        )
    for name in sorted(size.keys() - set(inside), key=lambda name: (size[name], name)):
        if sum(size[chosen] for chosen in inside) + size[name] <= limit:
            inside.append(name)
    return sorted(inside), sorted(size.keys() - set(inside))


def library_requirements(requirements: str, app: list[str]) -> list[str]:
    """Return the lines of requirements.txt without those of the extra `app`.

    Hosts of the app read that file, so it lists both.
    """
    stated = [line.partition("#")[0].strip() for line in requirements.splitlines()]
    if missing := sorted(set(app) - set(stated)):
        sys.exit(f"requirements.txt lacks what pyproject.toml says the app needs: {missing}.")
    return [line for line in stated if line and line not in app]


class BuildWithModels(build_py):
    """Puts models beside the modules: `models/NAME` becomes `fer/models/NAME`."""

    def run(self) -> None:
        """Build the modules, then copy the models; an editable installation finds them itself."""
        super().run()
        if self.editable_mode:
            return
        inside, left_out = shipped_models(ROOT / "models", SHIPPED["DEFAULT_MODEL"])
        target = Path(self.build_lib) / "fer" / "models"
        shutil.rmtree(target, ignore_errors=True)  # of an earlier build
        for name in inside:
            ignored = shutil.ignore_patterns(*SHIPPED["NOT_SHIPPED"])
            shutil.copytree(ROOT / "models" / name, target / name, ignore=ignored)
        if left_out:
            (target / SHIPPED["LEFT_OUT"]).write_text("\n".join(left_out) + "\n")


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    setup(
        cmdclass={"build_py": BuildWithModels},
        install_requires=library_requirements(
            (ROOT / "requirements.txt").read_text(), project["optional-dependencies"]["app"]
        ),
    )
