"""The comparison page in a real browser, on the shipped CNN and two made models."""

import csv
import io
import re
import shutil
from itertools import combinations

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from fer.artifacts import Artifact, list_models
from fer.compare.references import REFERENCES
from tests.conftest import ROOT
from tests.made import make_model
from tools.running import IDLE, served

pytestmark = pytest.mark.browser

# The least contrast of each kind of text against the page, by WCAG 2.2.
CONTRASTS = """() => {
  const rgba = text => text.match(/[\\d.]+/g).map(Number);
  const app = document.querySelector('[data-testid=stApp]');
  const page = rgba(getComputedStyle(app).backgroundColor);
  const light = rgb => rgb.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = text => {
    const [r, g, b, alpha = 1] = rgba(text);
    const seen = [r, g, b].map((v, i) => alpha * v + (1 - alpha) * page[i]);
    const [dark, pale] = [light(seen), light(page)].sort((x, y) => x - y);
    return (pale + 0.05) / (dark + 0.05);
  };
  const least = (selector, property) => Math.min(...[...document.querySelectorAll(selector)]
    .map(element => contrast(getComputedStyle(element)[property])));
  return {
    number: least('.annotation-text', 'fill'),
    axis: least('.xtick text, .ytick text, .xtitle, .ytitle', 'fill'),
    caption: least('[data-testid=stCaptionContainer] p', 'color'),
  };
}"""

BACKGROUND = """() => getComputedStyle(
  document.querySelector('[data-testid=stApp]')).backgroundColor"""

PATIENCE = 180_000  # milliseconds; the first visit to a server imports torch


@pytest.fixture(scope="module")
def compare(tmp_path_factory, cnn_folder):
    """Serve a copy of the app with models and test images of its own; give the page's address."""
    folder = tmp_path_factory.mktemp("compare")
    for name in ("app", "fer", "pages", ".streamlit"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("serve.py", "streamlit_app.py"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(cnn_folder, folder / "models" / "cnn")
    make_model(folder / "models" / "flagship", 1)
    make_model(folder / "models" / "resnet50", 2, 0.2)

    face = io.BytesIO()
    Image.linear_gradient("L").resize((48, 48)).save(face, "PNG")
    rows = Artifact(cnn_folder).predictions["row"]
    images = [{"bytes": face.getvalue(), "path": ""}] * len(rows)
    (folder / "data").mkdir()
    table = pd.DataFrame({"row": rows, "image": images})
    table.to_parquet(folder / "data" / "test.parquet")
    with served(folder, folder / "log", FER_DATA=str(folder / "data")) as server:
        yield f"{server.address}/compare"


@pytest.fixture
def page(browser, compare):
    """A page of a fresh profile, not yet at an address; an error in it fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 1500})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert not problems


def open_page(page: Page, address: str) -> Page:
    page.goto(address)
    page.get_by_text("Compare", exact=True).last.wait_for()
    return page


def click_cell(page: Page, chart: int, row: int, column: int) -> None:
    """Click a cell of a confusion matrix, by its numbers from the upper left."""
    squares = page.locator(".js-plotly-plot").nth(chart).locator(".scatterlayer .point")
    expect(squares).to_have_count(49)
    square = squares.nth(7 * row + column)
    square.scroll_into_view_if_needed()
    box = square.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_two_matrices_a_click_and_a_reload(page, compare):
    # The first address that this server is asked for: the app stands around the page all the same.
    open_page(page, f"{compare}?models=cnn&models=flagship&view=Confusion")
    expect(page.get_by_role("link", name="Photos")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    names = page.get_by_test_id("stMarkdown").filter(has_text=re.compile("^(cnn|flagship)$"))
    expect(names).to_have_count(2)

    click_cell(page, 1, 2, 4)  # the second is the CNN's, which is the less accurate
    listed = page.get_by_text("images of fear that cnn names sad (wrong)")
    opened = page.get_by_role("dialog")  # in sight, where the click was
    expect(opened.get_by_role("img", name="fear / sad")).to_have_count(24)
    expect(opened.get_by_role("img").first).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    expect(listed).to_be_visible()
    gallery = page.get_by_role("img", name="fear / sad")
    expect(gallery).to_have_count(24)
    expect(page).to_have_url(re.compile("true=fear&named=sad&by=cnn"))

    page.reload()
    expect(listed).to_be_visible()
    expect(gallery).to_have_count(24)
    expect(page.locator(".js-plotly-plot")).to_have_count(2)


@pytest.mark.parametrize("load", range(4))
def test_every_press_of_a_pill_holds(page, compare, load):
    open_page(page, f"{compare}?view=Confusion")
    charts = page.locator(".js-plotly-plot")
    expect(charts).to_have_count(2)
    for name, left in (("cnn", 3), ("resnet50", 2), ("flagship", 1), ("resnet50", 2)):
        page.get_by_role("button", name=name, exact=True).click()
        expect(charts).to_have_count(left)
        page.wait_for_timeout(1_500)  # a choice that snaps back does so with the next run
        expect(charts).to_have_count(left, timeout=1_000)


def test_a_figure_downloads_as_a_large_picture_and_as_numbers(page, compare, tmp_path):
    open_page(page, f"{compare}?models=cnn&view=Calibration")
    chart = page.locator(".js-plotly-plot")
    expect(chart.locator(".barlayer .point").first).to_be_visible()
    with page.expect_download() as download:
        chart.locator(".modebar-btn").click()
    download.value.save_as(tmp_path / "figure.png")
    assert download.value.suggested_filename == "calibration-cnn.png"
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.width >= 2 * chart.bounding_box()["width"]
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").last.click()
    download.value.save_as(tmp_path / "figure.csv")
    lines = list(csv.DictReader((tmp_path / "figure.csv").open()))
    assert {line["when"] for line in lines} == {"before", "after"}
    assert sum(int(line["images"]) for line in lines if line["when"] == "after") == 3589


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_of_figures_and_captions_can_be_read(browser, compare, theme):
    context = browser.new_context(viewport={"width": 1280, "height": 1500}, color_scheme=theme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    open_page(page, f"{compare}?models=cnn&view=Confusion")
    expect(page.locator(".js-plotly-plot .annotation-text")).to_have_count(49)
    page.locator(IDLE).wait_for()
    for shown in (theme, "light" if theme == "dark" else "dark"):
        if shown != theme:
            before = page.evaluate(BACKGROUND)
            page.get_by_test_id("stMainMenu").get_by_role("button").click()
            page.get_by_role("menuitemradio", name=shown).click()
            page.wait_for_function(f"before => ({BACKGROUND})() != before", arg=before)
        measured = page.evaluate(CONTRASTS)
        assert {"number", "axis", "caption"} == set(measured)
        for kind, contrast in measured.items():
            assert contrast >= 4.5, (shown, kind, contrast)
    context.close()


def test_views_are_addresses(page, compare):
    open_page(page, compare)
    page.get_by_text("Head to head", exact=True).click()
    expect(page.get_by_text("They name the same emotion in")).to_be_visible()
    expect(page).to_have_url(re.compile(r"view=Head(\+|%20)to(\+|%20)head"))
    page.reload()
    expect(page.get_by_text("They name the same emotion in")).to_be_visible()


def test_fits_a_phone(browser, compare):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    open_page(page, f"{compare}?models=cnn&models=flagship&view=Confusion")
    expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=PATIENCE)
    main = page.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollWidth <= e.clientWidth")
    click_cell(page, 0, 3, 3)
    said = page.get_by_role("dialog").get_by_text("names happy (right)")
    expect(said).to_be_visible(timeout=PATIENCE)
    context.close()


EVERY = "".join(f"&models={name}" for name in list_models())


@pytest.mark.parametrize(
    "view",
    [
        "Cost",
        "Head+to+head&first=efficientnet_lite2-unfreeze45&second=mobilenet-128-label",
        f"When+to+trust+it{EVERY}",
        f"What+people+agree+on{EVERY}",
        f"When+it+breaks{EVERY}",
        f"Per+emotion{EVERY}",
        f"Learning+curves{EVERY}",
    ],
    ids=lambda view: view.partition("&")[0],
)
def test_a_phone_shows_the_whole_legend_and_none_of_it_on_the_plot(browser, address, view):
    """Of all shipped models, the longest names among them."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}/compare?view={view}")
    figure = page.locator(".js-plotly-plot").filter(has=page.locator(".legendtext")).first
    figure.locator(".legendtext").first.wait_for()
    assert figure.locator(".legend .scrollbar").bounding_box()["height"] == 0
    whole, plot = figure.bounding_box(), figure.locator(".nsewdrag").bounding_box()
    assert plot["height"] > 40
    names = [name.bounding_box() for name in figure.locator(".legendtext").all()]
    assert len(names) >= 4
    for name in names:
        assert plot["y"] + plot["height"] < name["y"]
        assert name["y"] + name["height"] <= whole["y"] + whole["height"]
        assert name["x"] + name["width"] <= whole["x"] + whole["width"]
    context.close()


@pytest.mark.parametrize("measure", ["FER-2013's label", "FER%2B votes"])
@pytest.mark.parametrize(
    ("width", "cost"), [(390, "multiply-adds"), (390, "MB"), (1280, "training minutes")]
)
def test_no_number_of_a_shipped_model_lies_on_another(browser, address, width, cost, measure):
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}/compare?view=Cost&cost={cost}&measure={measure}")
    page.locator(".js-plotly-plot .textpoint").first.wait_for()
    page.locator(IDLE).wait_for()
    numbers = page.locator(".js-plotly-plot .textpoint text").all()
    boxes = [number.bounding_box() for number in numbers if number.text_content()]
    assert len(boxes) > 10
    for one, other in combinations(boxes, 2):
        shared = [
            min(one[start] + one[size], other[start] + other[size]) - max(one[start], other[start])
            for start, size in (("x", "width"), ("y", "height"))
        ]
        # A digit is some 6 pixels less high than its line.
        assert shared[0] <= 0 or shared[1] <= 6, (one, other)
    context.close()


def times(page: Page) -> dict[str, str]:
    """Return the milliseconds measured here by model, as the page's table has them."""
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_text("Numbers as CSV").last.click()
    with download.value.path().open(newline="") as table:
        return {row["model"]: row["here"] for row in csv.DictReader(table)}


def test_times_are_measured_when_asked_for_and_again(page, compare):
    open_page(page, f"{compare}?view=Cost")
    expect(page.get_by_text(re.compile("^Published for cnn: on "))).to_be_visible()
    assert set(times(page).values()) == {""}
    taken = []
    for _ in range(2):
        page.get_by_role("button", name="Time them on this machine").click()
        page.locator("[data-testid=stApp][data-test-script-state=running]").wait_for()
        page.locator(IDLE).wait_for()
        taken.append(times(page))
    first, second = (float(here["cnn"]) for here in taken)
    assert first > 0
    assert second > 0
    assert first != second


def test_what_others_report_is_whole_and_the_best_is_first(page, compare):
    open_page(page, compare)
    page.get_by_role("heading", name="Beside what others report").scroll_into_view_if_needed()
    grid = page.get_by_test_id("data-grid-canvas").last
    grid.scroll_into_view_if_needed()
    cells = grid.locator("td[aria-colindex='3']")
    expect(cells.first).to_be_attached()
    shown = [float(text.rstrip("%")) for text in cells.all_text_contents()]
    assert shown == sorted(shown, reverse=True)
    assert len(shown) >= len(REFERENCES) + 1
    ours = grid.locator("td[aria-colindex='2']").all_text_contents()
    assert ours.count("this app") == 3
