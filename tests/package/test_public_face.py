"""`import fer`: cheap, typed, documented, and never half of another package."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest

import fer
from fer import namesake, shipped
from fer.artifacts import Artifact
from fer.errors import UnknownModel
from tests.conftest import ROOT


def test_every_public_name_is_there_and_described():
    described = (ROOT / "docs" / "library.md").read_text()
    for name in fer.__all__:
        assert getattr(fer, name) is not None
        assert f"`{name}" in described, name
    with pytest.raises(AttributeError, match="no attribute 'FER'"):
        fer.FER  # noqa: B018


@pytest.mark.parametrize("imports", ["from fer import FerError, EMOTIONS", "import fer.cli"])
def test_importing_it_loads_nothing_heavy(imports):
    code = (
        f"import sys; {imports}; "
        "print(sorted({'torch', 'numpy', 'PIL', 'pandas'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


class Installed:
    """PyPI's `fer`, with its files in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def locate_file(self, path):
        return self.folder / path


def test_pypi_s_fer_in_the_same_place_is_refused(monkeypatch, tmp_path):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(namesake, "distribution", absent)
    namesake.refuse_namesake()
    monkeypatch.setattr(namesake, "distribution", lambda name: Installed(tmp_path))
    namesake.refuse_namesake()  # elsewhere: which of the two is imported is whole
    monkeypatch.setattr(namesake, "distribution", lambda name: Installed(ROOT))
    with pytest.raises(ImportError, match="pip uninstall fer fer-studio"):
        from fer import Recognizer  # noqa: F401


def test_an_overwritten_package_is_refused(monkeypatch):
    monkeypatch.delattr(fer, "__all__")
    with pytest.raises(namesake.NamesakeInstalled, match="pip uninstall fer fer-studio"):
        namesake.refuse_namesake()


def test_a_model_that_the_package_does_not_carry_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "MODELS", tmp_path)
    (tmp_path / shipped.LEFT_OUT).write_text("huge\n")
    with pytest.raises(UnknownModel, match=r"give its id on the Hub \(ORG/huge\)"):
        Artifact.find("huge")
    with pytest.raises(UnknownModel, match="no model 'other'"):
        Artifact.find("other")
