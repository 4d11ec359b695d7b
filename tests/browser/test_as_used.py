"""What the photos page does between the first photo and the table, as people use it."""

import csv
import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from fer.faces.boxes import Box
from tests.browser.test_app import WIDE
from tools.running import IDLE

pytestmark = pytest.mark.browser

LOOKED = """
window.looked = false;
new MutationObserver(() => {
  window.looked ||= document.body.innerText.includes("Looking for faces");
}).observe(document, {subtree: true, childList: true, characterData: true});
"""


@pytest.fixture
def page(browser, address):
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.set_default_timeout(180_000)
    page.add_init_script(LOOKED)
    page.goto(f"{address}/?model=cnn")
    page.get_by_text("Drop in photos, take one").wait_for()
    yield page
    context.close()


def file(name: str, picture: Image.Image) -> FilePayload:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG")
    return {"name": name, "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


def hand_in(page: Page, *files: FilePayload) -> None:
    page.locator("input[type=file]").set_input_files(list(files))
    page.get_by_role("button", name="Download CSV", exact=True).wait_for()
    page.locator(IDLE).wait_for()


def downloaded(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV", exact=True).click()
    with download.value.path().open(newline="", encoding="utf-8-sig") as table:
        return list(csv.DictReader(table))


def test_another_model_looks_for_no_face_again(page, astronaut):
    hand_in(page, file("a.jpg", astronaut), file("b.jpg", astronaut.rotate(8)))
    assert page.evaluate("looked")
    page.evaluate("looked = false")
    page.get_by_role("combobox", name="Model").first.click()
    page.get_by_role("option", name=re.compile("^lite ·")).click()
    page.wait_for_url("**/?model=lite")
    page.locator(IDLE).wait_for()
    assert {row["model"] for row in downloaded(page)} == {"lite"}
    assert not page.evaluate("looked")


def test_where_the_model_looked_is_in_colours_with_a_legend(page, astronaut):
    page.get_by_text("Show where the model looked").click()
    # A face in grey, as FER-2013's are: the colours are the map's alone.
    hand_in(page, file("grey.jpg", astronaut.convert("L").convert("RGB")))
    heat = page.get_by_role("img", name="Where face 1 spoke for happy")
    expect(heat).to_be_visible()
    expect(page.get_by_role("img", name="From nothing to most")).to_be_visible()
    expect(page.get_by_text("spoke for happy: nothing to most")).to_be_visible()
    picture = Image.open(io.BytesIO(heat.screenshot())).convert("HSV")
    assert min(picture.size) >= 120
    hue, saturation = (np.asarray(picture.getchannel(band)) for band in "HS")
    coloured = hue[saturation > 60].astype(int)
    assert coloured.size > 200
    assert np.ptp(coloured) > 100  # from violet to yellow


def test_a_face_has_one_number_on_the_page_and_in_the_file(page, crowd):
    hand_in(page, file("crowd.jpg", crowd))
    rows = downloaded(page)
    assert [row["face"] for row in rows] == [str(number) for number in range(1, 41)]
    row = rows[10]
    page.get_by_role("button", name=re.compile("^Face 11: ")).click()
    expect(page.get_by_text(re.compile(f"^11 · (unsure: )?{row['emotion']}")).first).to_be_visible()
    width, height = float(row["x2"]) - float(row["x1"]), float(row["y2"]) - float(row["y1"])
    expect(page.get_by_text(f"{width:.0f} × {height:.0f} pixels")).to_be_visible()


def test_faces_are_numbered_as_one_reads(page, crowd):
    hand_in(page, file("crowd.jpg", crowd))
    boxes = [Box(*(float(row[edge]) for edge in Box._fields)) for row in downloaded(page)]
    places = [(int((box.y1 + box.y2) / 2 // 156), (box.x1 + box.x2) / 2) for box in boxes]
    assert places == sorted(places)
    photo = page.get_by_role("img", name="40 faces found").bounding_box()
    assert photo
    for number in (1, 8, 9, 40):
        pressed = page.get_by_role("button", name=re.compile(f"^Face {number}: ")).bounding_box()
        assert pressed
        scale = photo["width"] / crowd.width
        assert pressed["x"] - photo["x"] == pytest.approx(boxes[number - 1].x1 * scale, abs=3)
        assert pressed["y"] - photo["y"] == pytest.approx(boxes[number - 1].y1 * scale, abs=3)


def test_a_sideways_photo_is_turned_and_says_so(page, astronaut):
    hand_in(page, file("sideways.jpg", astronaut.transpose(Image.Transpose.ROTATE_90)))
    expect(page.get_by_text("it was turned a quarter clockwise")).to_be_visible()
    expect(page.get_by_text("1 · happy")).to_be_visible()


def test_the_example_joins_photos_that_are_there(page, astronaut):
    hand_in(page, file("mine.jpg", astronaut.rotate(8)))
    page.get_by_role("button", name="Try an example").click()
    expect(page.get_by_text("1 to 2 of 2")).to_be_visible()
    expect(page.get_by_text("mine.jpg", exact=True)).to_be_visible()


def test_stopped_it_keeps_what_is_done_and_goes_on(page, crowd):
    photos = [file(f"{number}.jpg", crowd.rotate(number / 10)) for number in range(40)]
    page.locator("input[type=file]").set_input_files(photos)
    page.get_by_text(re.compile(r"^Looking for faces: [1-9]\d? of 40 photos$")).wait_for()
    page.get_by_role("button", name="Stop here").click()
    expect(page.get_by_text("Stopped: ")).to_be_visible()
    expect(page.get_by_role("button", name="Download CSV", exact=True)).to_be_visible()
    done = {row["path"] for row in downloaded(page)}
    assert 0 < len(done) < 40
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("1 to 24 of 40")).to_be_visible(timeout=180_000)
    assert len({row["path"] for row in downloaded(page)}) == 40
