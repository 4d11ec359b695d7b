"""The running app and a real browser, driven by Playwright."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.conftest import ROOT
from tools.running import CHROMIUM_FLAGS, Server, chromium, served, served_without_disk

expect.set_options(timeout=60_000)  # a loaded machine takes its time


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the app as `make app` does and return its address."""
    with served(ROOT, tmp_path_factory.mktemp("app") / "log") as server:
        yield server.address


@pytest.fixture(scope="module")
def diskless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app with temporary files of its own, and unable to write what could hold a picture."""
    with served_without_disk(ROOT, tmp_path_factory.mktemp("diskless")) as server:
        yield server


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright, of which there can be one at a time; tests skip where there is no Chromium."""
    if chromium() is None:
        pytest.skip("no Chromium here: apt install chromium")
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A headless Chromium."""
    browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
    yield browser
    browser.close()


def watch(page: Page, address: str) -> list[str]:
    """Let a page be patient; return what goes wrong in it from now on: errors, foreign requests."""
    page.set_default_timeout(180_000)  # the first visit to a server imports torch
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
    return problems


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The app's first page in a fresh profile; a console error or a foreign request fails."""
    context = browser.new_context(permissions=["camera"])
    page = context.new_page()
    problems = watch(page, address)
    page.goto(address)
    page.get_by_role("heading", name="What do these faces show?").wait_for()
    yield page
    context.close()
    assert not problems
