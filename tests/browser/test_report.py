"""Reports as they are downloaded, opened where there is no network, and printed."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.notice import NOTICE
from tests.corpus import whole

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)>.jpg"
SHEET = 680  # pixels: the width of A4 between margins of 15 mm


def report(page: Page, label: str, path: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=label).click()
    download.value.save_as(path)
    return path


@contextmanager
def alone(browser: Browser, path: Path) -> Iterator[Page]:
    """Open a file without a network; an error in it, or that it asks for anything, fails."""
    context = browser.new_context(offline=True, viewport={"width": SHEET, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("file:", "data:", "blob:"))
            else problems.append(request.url)
        ),
    )
    page.goto(path.as_uri())
    yield page
    context.close()
    assert not problems


def drawn(page: Page, figures: int) -> None:
    """Check the figures, the notice, and that nothing is cut off on paper."""
    expect(page.locator("figure .js-plotly-plot")).to_have_count(figures)
    for figure in page.locator("figure").all():
        expect(figure.locator(".cartesianlayer .trace").first).to_be_visible()
    expect(page.get_by_text(NOTICE)).to_be_visible()
    expect(page.get_by_text("An expression is not a feeling.", exact=True)).to_be_visible()
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= SHEET
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_a_batch_s_report_stands_alone(page: Page, browser: Browser, tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr(HOSTILE, whole("JPEG"))
        archive.writestr("cut.jpg", whole("JPEG")[:3000])
    page.get_by_role("link", name="Batch").first.click()
    page.get_by_role("radio", name="Zip").click()
    page.get_by_text("Zip archive").wait_for()
    page.locator("input[type=file]").set_input_files(tmp_path / "photos.zip")
    page.get_by_role("button", name="Score", exact=True).click()
    page.get_by_role("heading", name="Faces and files").wait_for()
    path = report(page, "Report", tmp_path / "report.html")
    with alone(browser, path) as opened:
        drawn(opened, 1)
        expect(opened.get_by_role("heading", level=1)).to_have_text("Faces of photos.zip")
        expect(opened.get_by_role("cell", name=HOSTILE)).to_be_visible()
        expect(opened.get_by_role("row", name="cut.jpg")).to_contain_text("cut")


def test_a_comparison_s_report_stands_alone(page: Page, address, browser: Browser, tmp_path):
    page.goto(f"{address}/compare?models=mobilenet&models=cnn-votes&measure=FER%2B+votes")
    page.get_by_role("heading", name="Leaderboard").wait_for()
    answer = page.get_by_role("heading", level=2).first.inner_text()
    path = report(page, "Report", tmp_path / "report.html")
    with alone(browser, path) as opened:
        drawn(opened, 1 + 2 + 1 + 2 * 2)
        expect(opened.get_by_text(answer)).to_be_visible()
        expect(opened.get_by_role("row", name="right by").first).to_contain_text("FER+ votes")
        for name in ("mobilenet", "cnn-votes"):
            expect(opened.get_by_role("heading", name=name, exact=True)).to_be_visible()
