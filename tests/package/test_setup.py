"""What goes into a wheel, and what it needs, as `setup.py` chooses."""

import json
import runpy

import pytest

import fer
from tests.conftest import ROOT

SETUP = runpy.run_path(str(ROOT / "setup.py"))


@pytest.fixture
def models(tmp_path):
    """Folders of models of so many bytes, one of them an ensemble of two."""
    for name, size, members in (
        ("pair", 0, ["large", "small"]),
        ("large", 5_000, None),
        ("small", 1_000, None),
        ("medium", 2_000, None),
        ("huge", 9_000, None),
    ):
        (tmp_path / name).mkdir()
        config = {"network_arguments": {"members": members} if members else {}}
        (tmp_path / name / "config.json").write_text(json.dumps(config))
        (tmp_path / name / "model.safetensors").write_bytes(bytes(size))
    return tmp_path


@pytest.mark.parametrize(
    ("limit", "left_out"),
    [(20_000, []), (10_000, ["huge"]), (7_000, ["huge", "medium"])],
)
def test_the_default_and_its_members_go_in_before_the_smallest(models, limit, left_out):
    inside, outside = SETUP["shipped_models"](models, "pair", limit)
    assert outside == left_out
    assert inside == sorted({"pair", "large", "small", "medium", "huge"} - set(left_out))


def test_what_an_interrupted_command_left_goes_nowhere(models):
    (models / "large").rename(models / "large.partial")
    (models / "huge").rename(models / "huge.old")
    config = {"network_arguments": {}}
    (models / "pair" / "config.json").write_text(json.dumps(config))
    assert SETUP["shipped_models"](models, "pair") == (["medium", "pair", "small"], [])


def test_a_default_that_is_too_large_stops_the_build(models):
    with pytest.raises(SystemExit, match="pair, is over the 5,000 bytes"):
        SETUP["shipped_models"](models, "pair", 5_000)


def test_the_library_needs_all_but_what_only_the_app_needs():
    text = "# All\nstreamlit>=1  # pages\ntorch>=2\n\nplotly>=6\n"
    assert SETUP["library_requirements"](text, ["streamlit>=1", "plotly>=6"]) == ["torch>=2"]
    with pytest.raises(SystemExit, match=r"lacks .*plotly>=7"):
        SETUP["library_requirements"](text, ["streamlit>=1", "plotly>=7"])


def test_the_version_is_one():
    (line,) = [x for x in (ROOT / "CITATION.cff").read_text().splitlines() if x[:8] == "version:"]
    assert line == f"version: {fer.__version__}"
    changelog = (ROOT / "CHANGELOG.md").read_text()
    versions = [x[3:] for x in changelog.splitlines() if x.startswith("## ")]
    assert fer.__version__ == next(version for version in versions if version != "Unreleased")
