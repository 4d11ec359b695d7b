"""A bare CUDA image carries no app: what training needs is there, what the app needs is not."""

import subprocess
import sys

from fer.artifacts import Artifact
from tests.conftest import ROOT

ABSENT = (
    "facenet_pytorch", "streamlit", "plotly", "huggingface_hub", "jinja2", "tensorboard",
    "pillow_heif", "transformers",
)  # fmt: skip

WITHOUT = f"""
import importlib.abc, importlib.metadata, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
installed = importlib.metadata.distribution
def distribution(name):
    if name.replace("-", "_") in {ABSENT}:
        raise importlib.metadata.PackageNotFoundError(name)
    return installed(name)
importlib.metadata.distribution = distribution
from training.__main__ import main
main()
"""


def test_trains_without_the_app_s_packages_and_the_card_follows_elsewhere(drawn, tmp_path):
    out = tmp_path / "tiny"
    arguments = ["train", "cnn", "--data", str(drawn), "--out", str(out), "--images", "128"]
    command = [sys.executable, "-c", WITHOUT, *arguments, "epochs=1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "No model card: huggingface_hub is not installed here." in done.stderr
    assert Artifact(out).config.network == "cnn"
    assert not (out / "README.md").exists()

    command = [sys.executable, "-m", "training", "card", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (out / "README.md").read_text().startswith("---")
