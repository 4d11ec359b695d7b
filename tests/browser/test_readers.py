"""The pages for those who see little, have the page read to them, or use no mouse."""

import io
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.corpus import whole
from tools.videos import crossing, filmed, steady

pytestmark = pytest.mark.browser

PAGES = ("", "batch", "compare", "video", "live")

HEADINGS = "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(h => +h.tagName[1])"


def opened(browser: Browser, url: str, theme: str = "light") -> Page:
    page = browser.new_context(color_scheme=theme, viewport={"width": 1280, "height": 1000})
    page = page.new_page()
    page.set_default_timeout(180_000)  # the first visit to a server imports torch
    page.goto(url)
    page.get_by_role("heading", level=1).wait_for()
    return page


@pytest.fixture(scope="module")
def scored(browser, address) -> Iterator[dict[str, str]]:
    """The address of each page, with a result where there is one to be had."""
    files = {
        "batch": {"name": "1.jpg", "mimeType": "image/jpeg", "buffer": whole("JPEG")},
        "video": {"name": "2.mp4", "mimeType": "video/mp4", "buffer": filmed(crossing, steady(2))},
    }
    addresses = {name: f"{address}/{name}" for name in PAGES}
    addresses["compare"] += "?models=cnn&models=lite&view=Confusion"
    pages = []
    for name, file in files.items():
        page = opened(browser, f"{address}/{name}?model=cnn")
        page.locator("input[type=file]").set_input_files([file])
        page.get_by_role("button", name="Score").last.click()
        page.get_by_role("button", name="Delete this result").wait_for()
        addresses[name] = page.url
        pages.append(page)
    yield addresses
    for page in pages:
        page.context.close()


def settled(browser: Browser, scored: dict[str, str], name: str, theme: str = "light") -> Page:
    """Open a page with all that it shows of a result."""
    page = opened(browser, scored[name], theme)
    if name == "":
        page.get_by_role("button", name="Try an example").click()
        expect(page.get_by_text("1 · happy")).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    if name in ("batch", "video"):
        page.get_by_role("button", name="Delete this result").wait_for()
    if name != "live":
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(browser, scored, name, theme):
    page = settled(browser, scored, name, theme)
    response = Axe().run(page).response
    assert "color-contrast" in {rule["id"] for rule in response["passes"]}  # it has looked
    found = [
        (rule["id"], node["target"], node["html"][:200], node["failureSummary"])
        for rule in response["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
    page.context.close()
    assert not found


@pytest.mark.parametrize("name", PAGES)
def test_headings_are_in_order(browser, scored, name):
    page = settled(browser, scored, name)
    levels = page.evaluate(HEADINGS)
    page.context.close()
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


AROUND = """() => {
  const at = window.at = document.activeElement, box = at.getBoundingClientRect();
  const left = Math.max(box.left - 8, 0), top = Math.max(box.top - 8, 0);
  return {
    said: (at.getAttribute("aria-label") || at.innerText || at.dataset.testid || at.id).trim(),
    clip: {
      x: left, y: top,
      width: Math.min(box.right + 8, innerWidth) - left,
      height: Math.min(box.bottom + 8, innerHeight) - top,
    },
  };
}"""
STOPS = 30  # of the Tab key on a page that are looked at
SEEN = 48  # levels of 256 by which a pixel changes that one sees


def seen(page: Page, clip: dict[str, float]) -> np.ndarray:
    shot = page.screenshot(clip=clip, animations="disabled")
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), dtype=int)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_what_the_keyboard_is_on_can_be_seen(browser, scored, name, theme):
    page = settled(browser, scored, name, theme)
    page.evaluate("document.activeElement.blur()")
    said, unseen = [], []
    for _ in range(STOPS):
        page.keyboard.press("Tab")
        page.wait_for_timeout(300)  # what scrolls and fades comes to rest
        if page.evaluate("document.activeElement === document.body"):
            break
        if page.evaluate("document.activeElement.id").startswith("glide-cell"):
            continue  # a table paints its cells itself, and none has a place on the page
        around = page.evaluate(AROUND)
        said.append(around["said"][:60])
        focused = seen(page, around["clip"])
        page.evaluate("window.at.blur()")
        page.wait_for_timeout(300)
        if (abs(focused - seen(page, around["clip"])).max(axis=2) > SEEN).sum() < 20:
            unseen.append(said[-1])
        page.evaluate("window.at.focus()")  # the next Tab goes on from here
    page.context.close()
    assert len(said) >= 8, said
    assert not unseen
