"""Nasty names and files dropped on the pages: text stays text, and valid neighbours are scored."""

import csv
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_batch import downloaded, open_batch, shown, wait_for_result
from tests.corpus import MARKUP, NAMES, flat_png, packed, run_length_bmp, whole

pytestmark = pytest.mark.browser

BAD = {
    "empty.jpg": b"",
    "text.png": b"<h1 class='made'>I am a text file.</h1>",
    "cut.jpg": whole("JPEG")[:2000],
    "giant.png": whole("PNG")[:16] + b"\0\1\0\0\0\1\0\0" + whole("PNG")[24:],
    "too-large.png": flat_png(8001, 8000, 1, 0),
    "line.bmp": run_length_bmp(60_000_000, 1, b"\1\1\0\0"),
}
GOOD = [
    f"{MARKUP}.jpg",
    *NAMES["markup"][1:],
    *NAMES["direction"][:4],
    *NAMES["formula"][:4],
    NAMES["long"][0],
    NAMES["control"][0],
]


# A browser sends quotes in a file's name so.
SHOWN = [name.replace('"', "%22") for name in NAMES["markup"]]


def drop(field: Locator) -> None:
    """Hand in good photos under nasty names, with bad files strewn among them."""
    photo, bad = whole("JPEG"), list(BAD.items())
    files = []
    for number, name in enumerate(GOOD):
        files.append({"name": name, "mimeType": "image/jpeg", "buffer": photo})
        for name_, data in bad[number : number + 1]:
            files.append({"name": name_, "mimeType": "image/png", "buffer": data})
    field.set_input_files(files)


def nothing_was_made(page: Page) -> None:
    """Check that no name became markup or ran, and that no traceback is shown."""
    assert page.evaluate("window.hit") is None
    for made in ("img[src=x]", ".made", "svg[onload]", "a[href^=javascript]", "b"):
        expect(page.get_by_test_id("stMain").locator(made)).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_text("Traceback")).to_have_count(0)


def test_on_the_photos_page(page: Page):
    drop(page.locator("input[type=file]"))
    page.get_by_role("button", name="Download CSV", exact=True).wait_for()
    expect(page.get_by_role("img", name=re.compile(": 1 face$"))).to_have_count(len(GOOD))
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(len(BAD))
    for name in SHOWN:
        expect(page.get_by_test_id("stText").get_by_text(name, exact=True)).to_be_visible()
    nothing_was_made(page)


def test_on_the_batch_page(page: Page):
    open_batch(page)
    drop(page.locator("input[type=file]"))
    page.get_by_role("button", name=f"Score {len(GOOD) + len(BAD)} photos").click()
    wait_for_result(page)
    assert shown(page, "Faces") == len(GOOD)
    assert shown(page, "Unreadable files") == len(BAD)
    nothing_was_made(page)
    rows = list(csv.DictReader(downloaded(page, "CSV:").open(newline="")))
    assert {row["path"] for row in rows if row["status"] == "ok"} >= set(SHOWN)
    assert not [row["path"] for row in rows if row["path"].startswith(("=", "+", "-", "@"))]


def test_a_zip_whose_own_name_is_markup(page: Page):
    open_batch(page)
    page.get_by_role("radio", name="Zip").click()
    page.get_by_text("Zip archive").wait_for()
    data = packed([("good.jpg", whole("JPEG")), *BAD.items()])
    name = f"{MARKUP}.zip"
    file = {"name": name, "mimeType": "application/zip", "buffer": data}
    page.locator("input[type=file]").set_input_files([file])
    page.get_by_role("button", name="Score", exact=True).click()
    wait_for_result(page)
    assert (shown(page, "Faces"), shown(page, "Unreadable files")) == (1, len(BAD))
    expect(page.get_by_text(name, exact=True)).to_be_visible()
    nothing_was_made(page)
