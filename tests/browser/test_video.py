"""The page Video in Chromium: from the upload to a frame that a click on a timeline shows."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tools.running import SMALL_FILE
from tools.videos import crossing, filmed, steady

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser, diskless) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(180_000)  # the first visit to a server imports torch
    page.goto(f"{diskless.address}/video?model=cnn")
    page.get_by_role("heading", name="A video becomes a timeline").wait_for()
    yield page
    context.close()


def test_a_click_on_a_timeline_shows_that_frame_and_deletion_asks_first(page):
    video = {"name": "two.mp4", "mimeType": "video/mp4", "buffer": filmed(crossing, steady(3))}
    assert len(video["buffer"]) > 1.5 * SMALL_FILE
    page.locator("input[type=file]").set_input_files([video])
    page.get_by_role("button", name="Score", exact=True).click()
    page.get_by_role("heading", name="People").wait_for()
    expect(page.get_by_role("img", name="The frame at 0.00 seconds")).to_be_visible()

    timeline = page.locator(".js-plotly-plot").filter(has=page.locator(".scatterlayer .fills")).last
    timeline.scroll_into_view_if_needed()
    area = timeline.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + area["height"] / 2)
    page.mouse.click(area["x"] + area["width"] * 0.6, area["y"] + area["height"] / 2)
    dialog = page.get_by_role("dialog")
    frame = dialog.get_by_role("img", name=re.compile("The frame at 1.80 seconds"))
    expect(frame).to_be_visible()
    expect(dialog.get_by_text(re.compile(r"[12] · happy"))).to_have_count(2)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    here = page.url
    page.get_by_role("button", name="Delete this result").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("heading", name="People")).to_be_visible()
    page.get_by_role("button", name="Delete this result").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Score", exact=True)).to_be_visible()
    page.goto(here)
    expect(page.get_by_text("no longer kept")).to_be_visible()
