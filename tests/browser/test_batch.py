import csv
import io
import re
import zipfile

import pyarrow.parquet as pq
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from fer.scoring.rows import COLUMNS

pytestmark = pytest.mark.browser

DAMAGED = 4
FACES = 6
LONG = 3_000


@pytest.fixture(scope="module")
def photo(astronaut) -> bytes:
    """A small photo of one face."""
    buffer = io.BytesIO()
    astronaut.crop((100, 0, 360, 260)).resize((160, 160)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, photo):
    """A zip of a mixed folder, some of it damaged."""
    path = tmp_path_factory.mktemp("zips") / "mixed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(FACES):
            archive.writestr(f"trip/{number}.jpg", photo)
        archive.writestr("trip/cut.jpg", photo[:3000])
        archive.writestr("trip/empty.png", b"")
        archive.writestr("trip/text.webp", b"I am a text file.")
        archive.writestr("../out.jpg", photo)
        archive.writestr("notes.txt", b"")
    return path


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A zip whose first rows come at once, and that takes any machine minutes."""
    large = io.BytesIO()
    Image.new("RGB", (4000, 3000), "beige").save(large, "PNG")
    path = tmp_path_factory.mktemp("zips") / "long.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(200):
            archive.writestr(f"{number:04}.jpg", b"I am a text file.")
        for number in range(200, LONG):
            archive.writestr(f"{number:04}.png", large.getvalue())
    return path


def open_batch(page: Page) -> None:
    page.get_by_role("link", name="Batch").first.click()
    page.get_by_role("heading", name="Score a whole folder").wait_for()


def start(page: Page, path) -> None:
    open_batch(page)
    page.get_by_role("radio", name="Zip").click()
    page.get_by_text("Zip archive").wait_for()
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Score", exact=True).click()


def wait_for_result(page: Page) -> None:
    page.get_by_role("heading", name="Faces and files").wait_for(timeout=120_000)


def downloaded(page: Page, label: str):
    button = page.get_by_test_id("stDownloadButton").filter(has_text=label)
    with page.expect_download() as download:
        button.get_by_role("button").click()
    return download.value.path()


def shown(page: Page, label: str) -> int:
    metric = page.get_by_test_id("stMetric").filter(has_text=label).first
    text = metric.get_by_test_id("stMetricValue").inner_text()
    return int(text.replace(",", ""))


def test_a_zip_of_a_mixed_folder_is_scored_end_to_end(page: Page, browser: Browser, mixed):
    start(page, mixed)
    wait_for_result(page)
    assert shown(page, "Photos") == FACES + DAMAGED
    assert shown(page, "Faces") == FACES
    assert shown(page, "Unreadable files") == DAMAGED
    expect(page.get_by_role("img", name="happy")).to_have_count(FACES)
    expect(page.locator(".js-plotly-plot")).to_have_count(1)

    rows = list(csv.DictReader(downloaded(page, "CSV:").open()))
    assert tuple(rows[0]) == COLUMNS
    assert len({row["path"] for row in rows}) == FACES + DAMAGED
    assert sum(row["status"] == "error" for row in rows) == DAMAGED
    parquet = pq.read_table(downloaded(page, "Parquet:"))
    assert parquet["path"].to_pylist() == [row["path"] for row in rows]

    page.get_by_role("button", name="error", exact=True).click()
    page.get_by_test_id("stDownloadButton").filter(has_text="4 rows chosen").first.wait_for()
    expect(page.get_by_role("img", name="happy")).to_have_count(0)
    chosen = list(csv.DictReader(downloaded(page, "CSV:").open()))
    assert {row["status"] for row in chosen} == {"error"}

    # A refresh keeps it; a second visitor sees nothing of it, with the page's plain address.
    page.reload()
    wait_for_result(page)
    assert shown(page, "Faces") == FACES
    context = browser.new_context()
    other = context.new_page()
    other.set_default_timeout(60_000)
    other.goto(page.url.partition("?")[0])
    other.get_by_text("What to score").wait_for()
    expect(other.get_by_role("heading", name="Faces and files")).to_have_count(0)
    expect(other.get_by_test_id("stMetric")).to_have_count(0)
    context.close()


def test_the_keys_label_faces_as_soon_as_it_is_asked_for(page: Page, mixed):
    start(page, mixed)
    wait_for_result(page)
    page.get_by_role("button", name="Label these faces").click()
    page.get_by_text(f"0 of {FACES} labelled").wait_for()
    page.keyboard.press("4")
    page.get_by_text(f"1 of {FACES} labelled").wait_for()
    # Another order leaves the keys what they were.
    page.get_by_role("radio", name="least sure first").click()
    expect(page.get_by_role("radio", name="least sure first")).to_be_checked()
    page.keyboard.press("5")
    page.get_by_text(f"2 of {FACES} labelled").wait_for()
    page.get_by_role("button", name="Back to all faces").click()
    expect(page.get_by_role("img", name="happy")).to_have_count(FACES)


def test_cancel_keeps_what_is_done_and_nobody_waits(page: Page, browser: Browser, long, mixed):
    start(page, long)
    page.get_by_text(re.compile(r"photos/s · .* left")).wait_for()
    partial = list(csv.DictReader(downloaded(page, "CSV: what is done so far").open()))
    assert 0 < len(partial) < LONG

    # Meanwhile another visitor scores a batch of their own.
    context = browser.new_context()
    other = context.new_page()
    other.set_default_timeout(60_000)
    other.goto(page.url.partition("?")[0])
    start(other, mixed)
    wait_for_result(other)
    assert shown(other, "Faces") == FACES
    context.close()

    page.get_by_role("button", name="Cancel").click()
    wait_for_result(page)
    page.get_by_text("Stopped early").wait_for()
    rows = list(csv.DictReader(downloaded(page, "CSV:").open()))
    assert len(partial) <= len(rows) < LONG
    assert rows[: len(partial)] == partial


def test_a_folder_of_the_browser_is_scored(page: Page, tmp_path, photo):
    (tmp_path / "trip" / "day").mkdir(parents=True)
    (tmp_path / "trip" / "day" / "1.jpg").write_bytes(photo)
    (tmp_path / "trip" / "2.jpg").write_bytes(photo)
    open_batch(page)
    page.get_by_role("radio", name="Folder", exact=True).click()
    page.locator("input[webkitdirectory]").set_input_files(tmp_path / "trip")
    page.get_by_role("button", name="Score 2 photos").click()
    wait_for_result(page)
    rows = list(csv.DictReader(downloaded(page, "CSV:").open()))
    assert {row["path"] for row in rows} == {"day/1.jpg", "2.jpg"}


def test_a_folder_of_the_server_is_scored_on_localhost(page: Page, tmp_path, photo):
    (tmp_path / "1.jpg").write_bytes(photo)
    open_batch(page)
    page.get_by_role("radio", name="Folder on the server").click()
    page.get_by_role("textbox", name="Folder on the server").fill(str(tmp_path))
    page.get_by_role("button", name="Score", exact=True).click()
    wait_for_result(page)
    assert shown(page, "Faces") == 1


def test_fits_a_phone(browser: Browser, address: str, mixed):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{address}/batch")
    page.get_by_role("radio", name="Zip").click()
    page.get_by_text("Zip archive").wait_for()
    main = page.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollWidth <= e.clientWidth")
    page.locator("input[type=file]").set_input_files(mixed)
    page.get_by_role("button", name="Score", exact=True).click()
    wait_for_result(page)
    assert main.evaluate("e => e.scrollWidth <= e.clientWidth")
    context.close()


def test_a_result_deleted_in_one_tab_is_gone_in_the_other(page, mixed):
    start(page, mixed)
    wait_for_result(page)
    page.wait_for_url("**batch=*")
    others = [page.context.new_page() for _ in range(2)]
    for other in others:
        other.goto(page.url)
        wait_for_result(other)
    others[0].get_by_role("button", name="Label these faces").click()
    others[0].get_by_role("button", name="Skip").wait_for()
    page.get_by_role("button", name="Delete this result").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.locator("input[type=file]").wait_for(state="attached")
    others[0].get_by_role("button", name="happy Shortcut").click()
    expect(others[0].get_by_text("no longer kept")).to_be_visible()
    for label in ("CSV: ", "Report"):
        button = others[1].get_by_test_id("stDownloadButton").filter(has_text=label).first
        button.get_by_role("button").click()
        expect(button.get_by_text("Failed to generate file")).to_be_visible()
    others[1].get_by_role("button", name="0.jpg", exact=True).click()
    expect(others[1].get_by_text("no longer kept")).to_be_visible()
    expect(others[1].get_by_role("dialog")).to_have_count(0)
    for other in others:
        expect(other.get_by_test_id("stException")).to_have_count(0)
