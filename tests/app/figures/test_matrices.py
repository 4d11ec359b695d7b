import numpy as np
import pytest

from app.figures.matrices import confusion_difference, confusion_matrix
from fer.compare.metrics import confusion, confusion_table
from fer.emotions import EMOTIONS
from tests.made import answers

LABELS = ["angry", "angry", "angry", "happy", "happy", "disgust"]


@pytest.fixture
def first():
    return answers("first", LABELS, ["angry", "angry", "sad", "happy", "angry", "angry"])


@pytest.fixture
def second():
    return answers("second", LABELS, ["angry", "angry", "angry", "happy", "happy", "sad"])


def cells(model):
    return confusion_table([model])


def test_the_matrix_shows_the_counts(first):
    figure = confusion_matrix(cells(first), shares=False, top=2)
    assert np.array(figure.data[0].z).tolist() == confusion(first).tolist()
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 2)
    texts = {(note.y, note.x): note.text for note in figure.layout.annotations}
    assert texts["angry", "angry"] == "2"
    assert texts["fear", "sad"] == "0"


def test_shares_are_of_the_row(first):
    figure = confusion_matrix(cells(first), shares=True, top=1)
    assert figure.data[0].z[0][0] == pytest.approx(2 / 3)
    assert "67%" in {note.text for note in figure.layout.annotations}


def test_a_click_gives_the_cell(first):
    squares = confusion_matrix(cells(first), shares=False, top=2).data[1]
    assert len(squares.customdata) == 49
    for x, y, (true, predicted) in zip(squares.x, squares.y, squares.customdata, strict=True):
        assert (true, predicted) == (y, x)
    assert squares.hovertext[4] == "angry, named sad: 1 images, 33.3% of angry"


def test_the_difference_is_the_second_less_the_first(first, second):
    figure, table = confusion_difference(cells(first), cells(second))
    assert figure.data[0].zmin == -figure.data[0].zmax
    texts = {(note.y, note.x): note.text for note in figure.layout.annotations}
    assert (texts["angry", "angry"], texts["angry", "sad"], texts["fear", "fear"]) == (
        "+33", "-33", "0",
    )  # fmt: skip
    assert tuple(figure.data[0].x) == EMOTIONS
    lines = table.set_index(["true", "predicted"])
    assert lines.loc[("angry", "sad"), "images"] == -1
    assert lines.loc[("angry", "sad"), "share"] == pytest.approx(-1 / 3)
