"""The running app and a real browser: Debian's own Chromium, driven by Playwright."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import ROOT

# No sandbox, because CI runs as root; and nothing that calls home.
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
]  # fmt: skip

expect.set_options(timeout=60_000)  # a loaded machine takes its time


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the app as `make app` does and return its address."""
    with served(ROOT, tmp_path_factory.mktemp("app") / "log") as address:
        yield address


@contextlib.contextmanager
def served(folder: Path, log: Path, **environment: str) -> Iterator[str]:
    """Serve the app in a folder on a free port; give its address."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    options = ["--server.port", str(port), "--server.headless", "true"]
    with log.open("w") as file:
        server = subprocess.Popen(
            [*command, *options],
            cwd=folder,
            env=os.environ | environment,
            stdout=file,
            stderr=file,
        )
    try:
        wait_until_healthy(f"http://localhost:{port}/_stcore/health", server, log)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def wait_until_healthy(url: str, server: subprocess.Popen, log: Path) -> None:
    """Wait for two minutes at most until the server answers."""
    for _ in range(480):
        with contextlib.suppress(OSError), urllib.request.urlopen(url) as answer:
            if answer.read() == b"ok":
                return
        assert server.poll() is None, log.read_text()
        time.sleep(0.25)
    raise TimeoutError(log.read_text())


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; tests skip where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no Chromium here: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The app's first page in a fresh profile; a console error or a foreign request fails."""
    context = browser.new_context(permissions=["camera"])
    page = context.new_page()
    page.set_default_timeout(60_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))
            else problems.append(f"request to {request.url}")
        ),
    )
    page.goto(address)
    page.get_by_role("heading", name="What do these faces show?").wait_for()
    yield page
    context.close()
    assert not problems
