"""What the running server can be reached by, what it gives away, and what it leaves behind."""

import io
import os
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.conftest import ROOT
from tools.running import SMALL_FILE

pytestmark = pytest.mark.browser

LOOPBACK = {"0100007F", "00000000000000000000000001000000"}  # as /proc/net writes 127.0.0.1 and ::1
LISTENS = "0A"


@pytest.fixture
def page(browser, diskless):
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(180_000)  # the first visit to a server imports torch
    page.goto(diskless.address)
    page.get_by_role("heading", name="What do these faces show?").wait_for()
    yield page
    context.close()


def listening(pid: int) -> set[str]:
    """Return the addresses that a process listens on, in hexadecimal."""
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    sockets = {link[8:-1] for link in links if link.startswith("socket:[")}
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return {
        line[1].partition(":")[0] for line in lines if line[3] == LISTENS and line[9] in sockets
    }


def test_listens_on_this_machine_only(diskless):
    addresses = listening(diskless.pid)
    assert addresses
    assert addresses <= LOOPBACK


@pytest.mark.parametrize("pixels", [700, 1400])  # an upload of 1 MB and more is another case
def test_a_photo_is_never_in_a_file(page: Page, astronaut, pixels, diskless):
    large = np.asarray(astronaut.resize((pixels, pixels)), np.int16)
    noise = np.random.default_rng(0).integers(-4, 5, large.shape)  # makes it hard to compress
    buffer = io.BytesIO()
    Image.fromarray((large + noise).clip(0, 255).astype(np.uint8)).save(buffer, "PNG")
    photo = buffer.getvalue()
    assert (len(photo) > 2_000_000) == (pixels == 1400)
    assert len(photo) > 2 * SMALL_FILE
    files = [{"name": "me.png", "mimeType": "image/png", "buffer": photo}]

    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_text("1 · happy")).to_be_visible()

    page.get_by_role("link", name="Batch").first.click()
    page.get_by_role("heading", name="Score a whole folder").wait_for()
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_role("button", name="Score 1 photo").click()
    page.get_by_role("heading", name="Faces and files").wait_for()
    expect(page.get_by_role("img", name="happy")).to_have_count(1)


@pytest.mark.parametrize(
    "path",
    [
        "/../requirements.txt", "/%2e%2e/requirements.txt", "/static/../../requirements.txt",
        "/static/%2e%2e%2f%2e%2e%2frequirements.txt", "/app/static/../../requirements.txt",
        "/media/../requirements.txt", "/media/..%2f..%2frequirements.txt", "/requirements.txt",
        "//etc/passwd", "/..%5crequirements.txt", "/.streamlit/config.toml",
    ],
)  # fmt: skip
def test_no_address_gives_a_file_of_the_server(diskless, path):
    secrets = [(ROOT / "requirements.txt").read_bytes()[:60], b"maxUploadSize", b"root:x:0"]
    try:
        with urllib.request.urlopen(diskless.address + path) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    assert not any(secret in body for secret in secrets)
