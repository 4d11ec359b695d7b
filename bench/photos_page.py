"""Measure the photos page in headless Chromium, beside the batch page for the same photos.

python -m bench.photos_page [--photos FOLDER]

Sixty photos, of three faces each unless a folder's are given (turned a little until there are
sixty, so that no two are one): seconds from the choice of the files until the first page of them is
shown and the table can be downloaded, beside the batch page's; the page's height and nodes. Then
the seconds that a change of model takes on twenty photos, weights in memory; the first paint of a
fresh server; and how far the page moves by itself. For RESULTS.md.
"""

import io
import re
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from PIL import Image, ImageOps
from playwright.sync_api import Browser, FilePayload, Page, sync_playwright

from bench.load import INVITATION, make_photo
from fer.artifacts import MODELS
from tools.machine import conditions
from tools.running import CHROMIUM_FLAGS, IDLE, SHIFTS, chromium, served

PATIENCE = 180_000  # milliseconds
COUNT, FEWER = 60, 20
LOADED = "[...document.querySelectorAll('[data-testid=stImage] img')].every(i => i.complete)"
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"


def photos(folder: Path | None) -> list[FilePayload]:
    """Return sixty photos, no two alike."""
    sources = sorted(folder.glob("*.jpg")) if folder else []
    files: list[FilePayload] = []
    for number in range(COUNT):
        if sources:
            with Image.open(sources[number % len(sources)]) as photo:
                picture = ImageOps.exif_transpose(photo).convert("RGB")
            picture = picture.rotate(number // len(sources))
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=90)
            data = buffer.getvalue()
        else:
            # What stands behind a JPEG's end makes it another file.
            data = make_photo(number % 8) + f"{number}".encode()
        files.append({"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": data})
    return files


def opened(browser: Browser, address: str, text: str) -> Page:
    """Open a page in a fresh profile and wait until it says something."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(SHIFTS)
    page.goto(address)
    page.get_by_text(text).first.wait_for()
    page.locator(IDLE).wait_for()
    return page


def show(page: Page, files: list[FilePayload]) -> float:
    """Return the seconds until the photos are shown and their table can be downloaded."""
    start = perf_counter()
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_role("button", name="Download CSV", exact=True).wait_for()
    page.get_by_text(f"of {len(files)}", exact=False).first.wait_for()
    page.locator(IDLE).wait_for()
    page.wait_for_function(LOADED)
    return perf_counter() - start


def turn_pages(page: Page) -> float:
    """Return the seconds that the other photos take to be shown."""
    start = perf_counter()
    for number, text in ((2, "25 to 48 of 60"), (3, "49 to 60 of 60")):
        page.get_by_test_id("stPagination").get_by_role(
            "button", name=re.compile(rf"\b{number}$")
        ).click()
        page.get_by_text(text).wait_for()
        page.locator(IDLE).wait_for()
        page.wait_for_function(LOADED)
    return perf_counter() - start


def score(browser: Browser, address: str, files: list[FilePayload]) -> float:
    """Return the seconds from the choice of the files to the batch page's table."""
    page = opened(browser, f"{address}/batch", "Score a whole folder")
    start = perf_counter()
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_role("button", name=f"Score {len(files)} photos").click()
    page.get_by_role("heading", name="Faces and files").wait_for()
    page.locator(IDLE).wait_for()
    seconds = perf_counter() - start
    page.context.close()
    return seconds


def change_model(browser: Browser, address: str, files: list[FilePayload]) -> float:
    """Return the seconds that another model's answers take, its weights in memory."""
    page = opened(browser, f"{address}/?model=cnn", INVITATION)
    show(page, files[:2])
    page.get_by_role("button", name="Clear all photos").click()
    page.get_by_text(INVITATION).wait_for()
    choose(page, "lite")
    show(page, files)
    seconds = choose(page, "cnn")
    page.context.close()
    return seconds


def choose(page: Page, model: str) -> float:
    """Return the seconds until a page stands still with another model."""
    page.get_by_role("combobox", name="Model").first.click()
    start = perf_counter()
    page.get_by_role("option", name=re.compile(rf"^{model} ·")).click()
    page.wait_for_url(f"**/?model={model}")
    page.locator(IDLE).wait_for()
    page.wait_for_function(LOADED)
    return perf_counter() - start


def main(
    photos_folder: Annotated[
        Path | None, typer.Option("--photos", help="JPEGs to take instead of made ones.")
    ] = None,
) -> None:
    """Print the figures."""
    print(conditions())
    files = photos(photos_folder)
    megabytes = sum(len(file["buffer"]) for file in files) / 1e6
    print(f"{COUNT} photos of {photos_folder or 'three faces, 1280 x 960'}, {megabytes:.1f} MB")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        # The file system's cache and the browser's own start are not the server's.
        with served(MODELS.parent, Path(folder) / "log") as server:
            opened(browser, server.address, INVITATION).context.close()
        with served(MODELS.parent, Path(folder) / "log") as server:
            page = opened(browser, server.address, INVITATION)
            paint = page.evaluate(PAINT)
            print(f"first paint of a fresh server: {paint:.2f} s")
            print(f"moved by itself until the page stood: {page.evaluate('shifted'):.3f}")
            page.get_by_role("button", name="Try an example").click()
            page.locator(".js-plotly-plot .main-svg").first.wait_for()
            page.get_by_role("button", name="Clear all photos").click()
            page.get_by_text(INVITATION).wait_for()
            page.evaluate("window.shifted = 0")
            seconds = show(page, files)
            print(f"{COUNT} photos shown and to be downloaded: {seconds:.1f} s")
            print(f"moved by itself meanwhile: {page.evaluate('shifted'):.3f}")
            height = page.get_by_test_id("stMain").evaluate("e => e.scrollHeight")
            nodes = page.evaluate("document.querySelectorAll('*').length")
            print(f"page: {height:,} pixels high, {nodes:,} nodes")
            print(f"the other two pages of them: {turn_pages(page):.1f} s")
            page.context.close()
            print(f"batch page, the same photos: {score(browser, server.address, files):.1f} s")
            seconds = change_model(browser, server.address, files[:FEWER])
            print(f"change of model on {FEWER} photos, to the CNN: {seconds:.2f} s")
        browser.close()


if __name__ == "__main__":
    typer.run(main)
