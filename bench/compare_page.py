"""Measure how long the comparison page takes to its leaderboard, with so many models.

    python -m bench.compare_page [--models 40] [--visits 5]

Copies the app, fills its models up to so many with copies of the shipped ones without weights where
it has fewer, and opens the page in headless Chromium: by a first visitor after the server's start,
who waits for torch, and by later ones whose browser has the page's code already. Seconds from the
address to the leaderboard and the short answer; and the bytes that the first visit takes over the
wire, the browser's cache empty. For RESULTS.md.
"""

import shutil
import tempfile
from itertools import cycle
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated, Any

import typer
from playwright.sync_api import Page, sync_playwright

from fer.artifacts import MODELS, list_models, list_rivals
from tools.machine import conditions
from tools.running import CHROMIUM_FLAGS, chromium, served

ROOT = MODELS.parent
APP = ("app", "fer", "models", "pages", ".streamlit", "serve.py", "streamlit_app.py")
PATIENCE = 180_000  # milliseconds


def fill(models: Path, count: int) -> None:
    """Copy shipped models under other names, without weights, until there are so many."""
    names = cycle(name for name in list_models() if name != "ensemble")
    for number in range(count - len(list_models()) - len(list_rivals())):
        name = next(names)
        without = shutil.ignore_patterns("*.safetensors*")
        shutil.copytree(MODELS / name, models / f"{name}-{number}", ignore=without)


def visit(page: Page, address: str) -> float:
    """Return the seconds that the page takes to its leaderboard."""
    start = perf_counter()
    page.goto(f"{address}/compare")
    page.get_by_role("heading", name="Leaderboard").wait_for()
    page.get_by_test_id("stDataFrame").first.locator("canvas").first.wait_for()
    return perf_counter() - start


class Wire:
    """Counts the bytes that a page receives: what is loaded, as it was packed, and the WebSocket's.

    The browser tells of a WebSocket's messages unpacked, so its bytes are an upper bound.
    """

    def __init__(self, page: Page) -> None:
        self.loaded = self.sent = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._finished)
        session.on("Network.webSocketFrameReceived", self._received)

    def _finished(self, event: dict[str, Any]) -> None:
        self.loaded += int(event["encodedDataLength"])

    def _received(self, event: dict[str, Any]) -> None:
        # Streamlit's messages are binary, which the browser tells in base64.
        self.sent += len(event["response"]["payloadData"]) * 3 // 4

    def __str__(self) -> str:
        return (
            f"{(self.loaded + self.sent) / 1e6:.2f} MB over the wire on an empty cache: "
            f"{self.loaded / 1e6:.2f} loaded, {self.sent / 1e6:.2f} by the WebSocket"
        )


def main(
    models: Annotated[int, typer.Option(help="At least so many, this project's and others'.")] = 0,
    visits: Annotated[int, typer.Option(help="By a browser that was here before.")] = 5,
) -> None:
    """Print the seconds to the leaderboard."""
    models = max(models, len(list_models()) + len(list_rivals()))
    print(conditions())
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        app = Path(folder) / "app"
        app.mkdir()
        for name in APP:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, app / name)
        fill(app / "models", models)
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        with served(app, Path(folder) / "log", PYTHONPATH=str(app)) as server:
            page = browser.new_page()
            page.set_default_timeout(PATIENCE)
            wire = Wire(page)
            print(f"{models} models; first visitor: {visit(page, server.address):.1f} s")
            page.wait_for_load_state("networkidle")
            print(wire)
            times = [visit(page, server.address) for _ in range(visits)]
            print(f"later: median {median(times):.2f} s, longest {max(times):.2f} s")
        browser.close()


if __name__ == "__main__":
    typer.run(main)
