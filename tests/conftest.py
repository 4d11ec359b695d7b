"""Fixtures: real faces, real models, and FER-2013 where it is at hand."""

import functools
import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import skimage.data
from PIL import Image
from streamlit.components.v2 import manifest_scanner

from fer.artifacts import MODELS
from fer.recognizer import Recognizer

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def allocating_less_than(limit: int) -> Iterator[None]:
    """Assert that Python's memory grows by less than so many bytes at any time in the block."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="session", autouse=True)
def _components_are_looked_for_once() -> Iterator[None]:
    """Each AppTest reads what every installed package says of itself, a third of a second long."""
    once = functools.cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        yield


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    """A 512 x 512 photo of one smiling face (Eileen Collins; NASA, public domain)."""
    return Image.fromarray(skimage.data.astronaut())


@pytest.fixture(scope="session")
def crowd(astronaut: Image.Image) -> Image.Image:
    """Forty faces of 60 to 90 pixels in one photo."""
    head = astronaut.crop((150, 20, 310, 200))
    photo = Image.new("RGB", (1280, 800), (120, 125, 130))
    for index in range(40):
        row, column = divmod(index, 8)
        size = (110 + 4 * row, 124 + 4 * row)
        photo.paste(head.resize(size), (20 + column * 157, 15 + row * 156))
    return photo


@pytest.fixture(scope="session")
def recognizer() -> Recognizer:
    """The CNN, which is the fastest model."""
    return Recognizer.from_pretrained("cnn")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of FER-2013; tests that need it skip where it is not."""
    for folder in (os.environ.get("FER_DATA"), ROOT.parent / "shared" / "data"):
        if folder and (Path(folder) / "test.parquet").is_file():
            return Path(folder)
    pytest.skip("FER-2013 is not here: set FER_DATA to a folder with train, validation, test")


@pytest.fixture(scope="session")
def cnn_folder() -> Path:
    """The shipped CNN's folder."""
    return MODELS / "cnn"


@pytest.fixture
def training_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run `python -m training …` in this process; return exit status, stdout and stderr."""
    from training.__main__ import main  # some seconds, which most tests do without

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["training", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return (int(ended.value.code or 0), *capsys.readouterr())

    return call
