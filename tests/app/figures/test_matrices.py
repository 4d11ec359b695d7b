import re

import numpy as np
import pytest
from plotly.colors import hex_to_rgb

from app.figures.matrices import confusion_difference, confusion_matrix
from app.figures.style import TEXT
from fer.compare.metrics import confusion, confusion_table
from fer.emotions import EMOTIONS
from tests.made import predictions

# Streamlit's pages and their texts, light and dark. A figure's text either has `TEXT`, for which
# the browser puts these in, or what Streamlit gives figures otherwise.
PAGES = {"light": "#ffffff", "dark": "#171614"}
TEXTS = {"light": "#262730", "dark": "#fafafa"}
OTHERWISE = {"light": "#808495", "dark": "#e6eaf1"}

LABELS = ["angry", "angry", "angry", "happy", "happy", "disgust"]


@pytest.fixture
def first():
    return predictions("first", LABELS, ["angry", "angry", "sad", "happy", "angry", "angry"])


@pytest.fixture
def second():
    return predictions("second", LABELS, ["angry", "angry", "angry", "happy", "happy", "sad"])


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


def test_an_emotion_without_images_has_no_shares(first, second):
    figures = [
        confusion_matrix(cells(first), shares=True, top=1),
        confusion_difference(cells(first), cells(second))[0],
    ]
    for figure in figures:
        texts = {(note.y, note.x): note.text for note in figure.layout.annotations}
        assert {texts["fear", named] for named in EMOTIONS} == {"–"}
        assert "–" not in {texts["disgust", named] for named in EMOTIONS}
        assert "no images of fear" in figure.data[1].hovertext[2 * len(EMOTIONS)]


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
    assert (texts["angry", "angry"], texts["angry", "sad"], texts["happy", "sad"]) == (
        "+33", "-33", "0",
    )  # fmt: skip
    assert tuple(figure.data[0].x) == EMOTIONS
    lines = table.set_index(["true", "predicted"])
    assert lines.loc[("angry", "sad"), "images"] == -1
    assert lines.loc[("angry", "sad"), "share"] == pytest.approx(-1 / 3)


def luminance(rgb):
    """WCAG 2.2's relative luminance."""
    share = np.asarray(rgb) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def on_page(figure, page):
    """The colours of a heat map's cells on a page: `[cells, 3]`."""
    heat = figure.data[0]
    stops, colours = zip(*heat.colorscale, strict=True)
    place = (np.ravel(heat.z) - heat.zmin) / (heat.zmax - heat.zmin)
    rgba = np.array([re.findall(r"[\d.]+", colour) for colour in colours], dtype=float)
    red, green, blue, alpha = (np.interp(place, stops, rgba[:, part]) for part in range(4))
    over = np.stack([red, green, blue], axis=1)
    return alpha[:, None] * over + (1 - alpha[:, None]) * np.array(hex_to_rgb(page))


@pytest.mark.parametrize("theme", PAGES)
@pytest.mark.parametrize("kind", ["shares", "counts", "difference"])
def test_every_number_can_be_read(kind, theme, first):
    table = cells(first)
    table["share"] = np.linspace(0, 1, 49)  # every strength of colour
    table["images"] = range(49)
    if kind == "difference":
        figure, _ = confusion_difference(table, table.assign(share=table["share"][::-1].to_numpy()))
    else:
        shares = kind == "shares"
        figure = confusion_matrix(table, shares, top=1 if shares else 48)
    axes = [figure.layout.xaxis, figure.layout.yaxis]
    for font in [axis.tickfont for axis in axes] + [axis.title.font for axis in axes]:
        text = TEXTS[theme] if font.color == TEXT else OTHERWISE[theme]
        assert contrast(hex_to_rgb(text), hex_to_rgb(PAGES[theme])) >= 4.5
    for note, cell in zip(figure.layout.annotations, on_page(figure, PAGES[theme]), strict=True):
        text = {TEXT: TEXTS[theme], "white": "#ffffff", None: OTHERWISE[theme]}[note.font.color]
        assert contrast(hex_to_rgb(text), cell) >= 4.5, note.text


def test_the_difference_colours_better_and_worse(first, second):
    figure, _ = confusion_difference(cells(first), cells(second))
    heat = {
        (true, named): figure.data[0].z[row][column]
        for row, true in enumerate(EMOTIONS)
        for column, named in enumerate(EMOTIONS)
    }
    # More right answers and fewer wrong ones are one colour, another wrong one is the other.
    assert heat["angry", "angry"] == pytest.approx(1 / 3)
    assert heat["angry", "sad"] == pytest.approx(1 / 3)
    assert heat["disgust", "sad"] == -1
    assert heat["disgust", "angry"] == 1
