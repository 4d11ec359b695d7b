"""How fast the page Live answers: visitors in a real browser, whose cameras show a made film.

python -m bench.live [--visitors 1,4] [--model cnn,mobilenet] [--seconds 30]

Latency is from the moment at which a picture is taken to the frame in which the browser draws its
answer; server, browser and cameras share the machine. The face is scikit-image's astronaut (NASA,
public domain), swaying from side to side.
"""

import math
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import streamlit
import typer
from playwright.sync_api import Browser, Page, sync_playwright

from tools.camera import RATE, SMILE, before_camera, film, playing
from tools.machine import conditions
from tools.running import CHROMIUM_FLAGS, chromium, served

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 180_000  # milliseconds
SETTLING = 3_000  # milliseconds after the cameras are open that do not count
PERIOD = 4  # seconds of the swaying

NOTE = """seconds => {
  const live = document.querySelector("[data-testid=stBidiComponentIsolated]")
    .shadowRoot.querySelector(".live");
  const latencies = [];
  new MutationObserver(() => latencies.push(Number(live.dataset.latency)))
    .observe(live, { attributes: true, attributeFilter: ["data-answers"] });
  setTimeout(() => { window.latencies = latencies.slice(); }, 1000 * seconds);
}"""
"""Notes the latency of each answer for so many seconds."""


def enter(browser: Browser, address: str, model: str) -> Page:
    """Open the camera in a browser profile of its own, and wait for the first answer."""
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}/live?model={model}")
    page.get_by_role("button", name="Open the camera").click()
    page.locator(".face").wait_for()
    return page


def visit(browser: Browser, address: str, model: str, visitors: int, seconds: float) -> str:
    """Let visitors have their cameras open for a while; return a line of the table."""
    pages = [enter(browser, address, model) for _ in range(visitors)]
    pages[0].wait_for_timeout(SETTLING)
    for page in pages:
        page.evaluate(NOTE, seconds)
    told = []
    for page in pages:
        page.wait_for_function("() => window.latencies")
        told.append(page.evaluate("window.latencies"))
        page.context.close()
    rates = [len(latencies) / seconds for latencies in told]
    everything = np.concatenate(told)
    return (
        f"| {model} | {visitors} | {min(rates):.1f} | {np.mean(rates):.1f} "
        f"| {np.median(everything):.0f} | {np.quantile(everything, 0.95):.0f} |"
    )


def main(
    visitors: Annotated[str, typer.Option(help="How many at a time.")] = "1,4",
    model: Annotated[str, typer.Option(help="Names in models/.")] = "cnn,mobilenet",
    seconds: Annotated[float, typer.Option(help="For which each number of visitors stays.")] = 30,
) -> None:
    """Print a table in Markdown."""
    print(f"{conditions()}, Streamlit {streamlit.__version__}; {seconds:.0f} s each\n")
    print(
        "| model | visitors | answers/s of the slowest | mean | latency, median, ms | 95%, ms |\n"
        "| --- | --- | --- | --- | --- | --- |",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        count = PERIOD * RATE
        swaying = (
            (1 / RATE, before_camera(SMILE, 0.5 + 0.2 * math.sin(2 * math.pi * turn / count)))
            for turn in range(count)
        )
        camera = film(Path(folder) / "camera.mjpeg", swaying)
        with (
            served(ROOT, Path(folder) / "log") as server,
            sync_playwright() as playwright,
            playwright.chromium.launch(
                executable_path=chromium(), args=[*CHROMIUM_FLAGS, playing(camera)]
            ) as browser,
        ):
            for name in model.split(","):
                for count in map(int, visitors.split(",")):
                    print(visit(browser, server.address, name, count, seconds), flush=True)
        if "Traceback" in (log := (Path(folder) / "log").read_text()):
            raise AssertionError(log)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
