"""The wheel in a fresh environment, away from the repository: `make wheel`.

The packages it needs come from uv's cache where they are in it, and from the index where not.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fer.shipped import DEFAULT_MODEL, MODELS
from tests.conftest import ROOT

pytestmark = pytest.mark.wheel

UV = Path(sys.executable).with_name("uv")
PHOTO = ROOT / "app" / "photos" / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source archive, as an index would."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--quiet", "--out-dir", folder, ROOT], check=True)
    return next(folder.glob("*.whl"))


class Environment:
    """A virtual environment, and a folder outside the repository to run in."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "env" / "bin"
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()
        subprocess.run(
            [UV, "venv", "--quiet", "--python", sys.executable, folder / "env"], check=True
        )

    def pip(self, *arguments: object) -> None:
        """Run `uv pip …` on it."""
        command = [UV, "pip", arguments[0], "--quiet", "--python", self.bin / "python"]
        subprocess.run([*command, *arguments[1:]], check=True)

    def run(self, command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run one of its commands with no network and nothing of this process's Python."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://localhost:9")
        return subprocess.run(
            [self.bin / command, *map(str, arguments)],
            cwd=self.elsewhere,
            env=kept | nowhere | {"HF_HUB_CACHE": str(self.elsewhere / "hub")},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A fresh environment with the wheel and what it asks for, and nothing else."""
    made = Environment(tmp_path_factory.mktemp("fresh"))
    made.pip("install", wheel)
    return made


def test_it_holds_the_library_and_the_default_model(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        config = json.loads(archive.read(f"fer/models/{DEFAULT_MODEL}/config.json"))
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"fer"}
    assert "fer/py.typed" in names
    for name in (DEFAULT_MODEL, *config["network_arguments"].get("members", ())):
        files = {path.name for path in (MODELS / name).iterdir()}
        assert {Path(n).name for n in names if n.startswith(f"fer/models/{name}/")} == files
    assert wheel.stat().st_size < 100_000_000


def test_it_names_the_faces_of_a_photo_offline(environment):
    shutil.copy(PHOTO, environment.elsewhere / "photo.jpg")
    done = environment.run("fer", "predict", "--json", "photo.jpg")
    assert done.returncode == 0, done.stderr
    (face,) = json.loads(done.stdout)["faces"]
    assert face["emotion"] == "happy"
    code = (
        "from fer import Recognizer, FerError\n"
        "faces = Recognizer.from_pretrained().recognize(['photo.jpg'])[0]\n"
        "print(*(face.emotion for face in faces))"
    )
    done = environment.run("python", "-c", code)
    assert (done.returncode, done.stdout) == (0, "happy\n"), done.stderr


def test_it_lists_its_models_and_scores_a_folder(environment):
    done = environment.run("fer", "models")
    assert done.returncode == 0, done.stderr
    assert DEFAULT_MODEL in done.stdout
    photos = environment.elsewhere / "photos"
    photos.mkdir()
    shutil.copy(PHOTO, photos / "one.jpg")
    done = environment.run("fer", "score", "photos", "--output", "table.csv", "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert "one.jpg,ok" in (environment.elsewhere / "table.csv").read_text()


@pytest.mark.parametrize("module", ["streamlit", "plotly", "lightning", "training", "app", "tests"])
def test_nothing_of_the_app_and_the_workshop_comes_with_it(environment, module):
    done = environment.run("python", "-c", f"import {module}")
    assert done.stderr.endswith(f"No module named '{module}'\n")


@pytest.fixture
def namesake(tmp_path) -> Path:
    """A wheel as PyPI's `fer` is: another `fer/__init__.py`, and a module beside it."""
    path = tmp_path / "fer-25.10.3-py3-none-any.whl"
    info = "fer-25.10.3.dist-info"
    files = {
        "fer/__init__.py": '__version__ = "25.10.3"\n',
        "fer/fer.py": "class FER: ...\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: fer\nVersion: 25.10.3\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [*files, f"{info}/RECORD"]
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in record)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_beside_pypi_s_fer_it_fails_with_a_sentence(first, environment, wheel, namesake):
    environment.pip("uninstall", "fer-studio")
    order = (wheel, namesake) if first == "ours" else (namesake, wheel)
    for package in order:
        environment.pip("install", "--no-deps", package)

    def fails() -> None:
        for asked in ("models", "--version"):
            command = environment.run("fer", asked)
            assert command.returncode == 2
            assert command.stderr.startswith("fer: PyPI's package fer, another project")
            assert command.stderr.count("\n") == 1
        library = environment.run("python", "-c", "from fer import Recognizer")
        assert library.returncode == 1
        assert "ImportError" in library.stderr.splitlines()[-1] or (
            "NamesakeInstalled" in library.stderr.splitlines()[-1]
        )

    fails()
    environment.pip("uninstall", "fer")  # takes fer/__init__.py along
    fails()
    environment.pip("uninstall", "fer-studio")
    environment.pip("install", "--no-deps", wheel)
    assert environment.run("fer", "models").returncode == 0
