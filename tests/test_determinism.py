"""One photo, one answer: in the page, on the command line, in the scorer, on Ray, in any batch."""

import importlib.util
import io
import json
import os
import random
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance
from typer.testing import CliRunner

from app.shared import VARIABLE
from fer.cli import app as command
from fer.columns import PROBABILITIES
from fer.emotions import EMOTIONS
from fer.recognizer import Recognizer
from tests.pages.conftest import open_app

MODEL = "ensemble"
"""Of several networks at two sizes, and never so sure that photos could be mixed up unseen."""
PHOTOS = 64
LARGE = "large.jpg"
"""As large as a phone's: decoded at half its size."""
TOLERANCE = 1e-4

Predictions = dict[str, np.ndarray]
"""By a photo's name the probabilities of its faces, `[faces, 7]`."""


def predicted(photos: list[Path]) -> Predictions:
    done = CliRunner().invoke(command, ["predict", "--model", MODEL, "--json", *map(str, photos)])
    assert done.exit_code == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        Path(line["path"]).name: np.array(
            [[face["probabilities"][emotion] for emotion in EMOTIONS] for face in line["faces"]]
        )
        for line in lines
    }


def on_the_page(photos: list[Path]) -> Predictions:
    with mock.patch.dict(os.environ, {VARIABLE: MODEL}):
        return _on_the_page(photos)


def _on_the_page(photos: list[Path]) -> Predictions:
    app = open_app()
    for photo in photos:
        app.file_uploader[0].upload(photo.name, photo.read_bytes())
    app.run(timeout=300)
    assert not app.exception
    shown = by_photo(app.dataframe[0].value)
    return {name: percent / 100 for name, percent in shown.items()}


def scored(photos: list[Path], *options: str) -> Predictions:
    folder = photos[0].parent
    if len(photos) == 1:
        folder = folder.with_name(f"only {photos[0].name}")
        folder.mkdir(exist_ok=True)
        (folder / photos[0].name).write_bytes(photos[0].read_bytes())
    done = CliRunner().invoke(
        command, ["score", str(folder), "--model", MODEL, "--output", "-", *options]
    )
    assert done.exit_code == 0, done.stderr
    return by_photo(pd.read_csv(io.StringIO(done.stdout)))


def on_ray(photos: list[Path]) -> Predictions:
    return scored(photos, "--engine", "ray", "--workers", "1")


def by_photo(table: pd.DataFrame) -> Predictions:
    return {
        name: rows.sort_values("face")[list(PROBABILITIES)].to_numpy(float)
        for name, rows in table.groupby("path")
    }


needs_ray = pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="ray is not installed")
WAYS = [predicted, on_the_page, scored, pytest.param(on_ray, marks=needs_ray)]


@pytest.fixture(scope="module")
def photos(tmp_path_factory, astronaut) -> list[Path]:
    """A folder of photos of a face, dark and bright; one is large and one is a face's crop."""
    folder = tmp_path_factory.mktemp("same") / "photos"
    folder.mkdir()
    chance = random.Random(0)
    astronaut.resize((3600, 3600), Image.Resampling.BICUBIC).save(folder / LARGE, quality=90)
    astronaut.crop((185, 70, 262, 168)).resize((48, 48)).save(folder / "crop.png")
    for number in range(PHOTOS - 2):
        left, top = chance.randrange(60, 130), chance.randrange(0, 20)
        photo = astronaut.crop((left, top, left + 250, top + 220))
        photo = ImageEnhance.Brightness(photo).enhance(chance.uniform(0.4, 1.6))
        photo.save(folder / f"{number:02}.jpg", quality=chance.randrange(40, 95))
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def expected(photos) -> Predictions:
    """The library's answer to each photo by itself."""
    recognizer = Recognizer.from_pretrained(MODEL)
    return {
        photo.name: np.array([face.probabilities for face in recognizer.recognize([photo])[0]])
        for photo in photos
    }


def test_the_photos_differ(expected):
    assert len(expected) == PHOTOS
    assert all(len(faces) == 1 for faces in expected.values())
    answers = np.concatenate(list(expected.values()))
    assert len(np.unique(answers.round(4), axis=0)) == PHOTOS


@pytest.mark.parametrize("way", WAYS)
def test_in_a_batch_of_64(way, photos, expected):
    answers = way(photos)
    assert answers.keys() == expected.keys()
    for name, faces in expected.items():
        assert answers[name] == pytest.approx(faces, abs=TOLERANCE), name


@pytest.mark.parametrize("way", WAYS)
def test_alone(way, photos, expected):
    (photo,) = [photo for photo in photos if photo.name == LARGE]
    answers = way([photo])
    assert answers.keys() == {LARGE}
    assert answers[LARGE] == pytest.approx(expected[LARGE], abs=TOLERANCE)
