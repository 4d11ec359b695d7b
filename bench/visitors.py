"""Let visitors use all pages at once, and kill their browsers in the middle; see bench/RESULTS.md.

python -m bench.visitors [--visitors 8] [--minutes 10] [--rest 240]

Each visitor has a browser and photos of their own, whose answers are held against the library's, so
that nobody is shown another's face. The server has a temporary folder of its own and may write no
file that could hold a photo. In the end nothing may lie on its disk, its log may know of no error,
and its memory is stated: when each page was visited once, at most, and after the visitors' sessions
have ended.
"""

import asyncio
import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from playwright.async_api import Browser, Error, FilePayload, Page, Playwright, async_playwright

from bench.load import PATIENCE, ROOT, Session, check, load, watched
from fer.recognizer import Recognizer
from tools.machine import conditions, resident
from tools.running import CHROMIUM_FLAGS, chromium, served_without_disk
from tools.videos import crossing, filmed, steady

KILLED = 0.3
"""So many of the visits end with the browser's death."""
SOON = 15.0  # seconds within which it dies


async def look_at_photos(page: Page, address: str, session: Session, film: bytes) -> None:
    """Upload a photo, hold the answer against the library's, and clear it."""
    photo = session.next()
    session.latencies.append(0.0)
    await page.goto(address)
    await page.locator("input[type=file]").set_input_files([photo])
    await page.get_by_role("figure", name="Probabilities by the model").wait_for()
    await check(page, session, photo["name"])
    await page.get_by_role("button", name="Clear all photos").click()


async def compare(page: Page, address: str, session: Session, film: bytes) -> None:
    """Open the comparison and one of its views."""
    await page.goto(f"{address}/compare")
    view = random.choice(("When to trust it", "Confusion", "Cost", "Head to head", "The study"))
    await page.get_by_role("radio", name=view).click()
    await page.locator(".js-plotly-plot .main-svg").first.wait_for()


async def score(page: Page, address: str, session: Session, film: bytes) -> None:
    """Score photos on the batch page, and delete what came of it."""
    photos = []
    for _ in range(3):
        photos.append(session.next())
        session.latencies.append(0.0)
    await page.goto(f"{address}/batch")
    await page.locator("input[type=file]").set_input_files(photos)
    await page.get_by_role("button", name="Score 3 photos").click()
    await page.get_by_role("heading", name="Faces and files").wait_for()
    await delete(page)


async def watch(page: Page, address: str, session: Session, film: bytes) -> None:
    """Score a video, and delete what came of it."""
    await page.goto(f"{address}/video?model=cnn")
    name = f"of {session.number}.mp4"
    video = FilePayload(name=name, mimeType="video/mp4", buffer=film)
    await page.locator("input[type=file]").set_input_files([video])
    await page.get_by_role("button", name="Score", exact=True).click()
    await page.get_by_role("heading", name="People").wait_for()
    await delete(page)


async def go_live(page: Page, address: str, session: Session, film: bytes) -> None:
    """Show the camera for some seconds."""
    await page.goto(f"{address}/live")
    await page.get_by_role("button", name="Open the camera").click()
    await page.wait_for_timeout(5_000)


async def delete(page: Page) -> None:
    """Delete a result, which asks first."""
    await page.get_by_role("button", name="Delete this result").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Score", exact=True).wait_for()


VISITS = (look_at_photos, compare, score, watch, go_live)


async def visitor(
    playwright: Playwright, address: str, session: Session, film: bytes, until: float, done: Counter
) -> None:
    """Visit one page after the other, in a browser that dies now and then."""
    chance = random.Random(session.number)
    lives = 0
    while time.monotonic() < until:
        flag = f"--visitor={session.number}-{lives}-"
        lives += 1
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=[*CHROMIUM_FLAGS, flag]
        )
        while browser.is_connected() and time.monotonic() < until:
            visit = chance.choice(VISITS)
            dies = chance.random() < KILLED
            death = asyncio.create_task(kill(flag, chance.uniform(0, SOON))) if dies else None
            try:
                # Playwright waits without end for a page of a browser that dies as it opens.
                async with asyncio.timeout(2 * SOON if dies else PATIENCE / 1000):
                    await once(browser, visit(await fresh(browser), address, session, film))
                done[visit.__name__] += 1
            except (Error, TimeoutError):
                # What a browser says that was killed; of one that lives it is a fault.
                if death is None:
                    raise
            if death:
                await death
                done["killed"] += 1
                break
        if browser.is_connected():
            await browser.close()


async def fresh(browser: Browser) -> Page:
    """Return a page in a profile of its own."""
    page = await browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(PATIENCE)
    return page


async def once(browser: Browser, visit: Coroutine[Any, Any, None]) -> None:
    """Visit, and leave."""
    await visit
    for context in browser.contexts:
        await context.close()


async def kill(flag: str, after: float) -> None:
    """Kill all processes of a browser."""
    await asyncio.sleep(after)
    subprocess.run(["pkill", "-9", "-f", "--", flag], check=False)


async def visits(sessions: list[Session], address: str, film: bytes, seconds: float) -> Counter:
    """Let all visitors come at once, and leave when the time is over."""
    done: Counter = Counter()
    until = time.monotonic() + seconds
    async with async_playwright() as playwright, asyncio.TaskGroup() as together:
        for each in sessions:
            together.create_task(visitor(playwright, address, each, film, until, done))
    return done


async def tour(address: str, session: Session, film: bytes) -> None:
    """Visit each page once, so that the server has loaded all that it ever will."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        for visit in VISITS:
            await once(browser, visit(await fresh(browser), address, session, film))
        await browser.close()


def main(
    visitors: Annotated[int, typer.Option(help="How many come at once.")] = 8,
    minutes: Annotated[float, typer.Option(help="How long they come.")] = 10,
    rest: Annotated[float, typer.Option(help="Seconds left to the server afterwards.")] = 240,
) -> None:
    """Print what was done and the server's memory; stop at the first fault."""
    recognizer = Recognizer.from_pretrained()
    sessions = [Session(number, recognizer) for number in range(visitors)]
    answers = {tuple(session.expected) for session in sessions}
    assert len(answers) == visitors, "two visitors' answers are alike"
    film = filmed(crossing, steady(2))
    print(f"{conditions()}; {visitors} visitors for {minutes:g} minutes", flush=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        served_without_disk(ROOT, Path(folder)) as server,
    ):
        asyncio.run(tour(server.address, Session(0, recognizer), film))
        start = resident(server.pid)
        with watched(server.pid) as taken:
            done = asyncio.run(visits(sessions, server.address, film, 60 * minutes))
            print(", ".join(f"{what} {times}" for what, times in sorted(done.items())), flush=True)
            time.sleep(rest)
            # Streamlit looks for sessions to end when another page is closed.
            asyncio.run(load([Session(0, recognizer)], server.address, 0))
            time.sleep(5)
        after = resident(server.pid)
    print(
        f"memory in MB: {start:.0f} at first, {max(taken):.0f} at most, {after - start:+.0f} after"
    )
    print("no file left, no error in the log")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
