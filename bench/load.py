"""Measure the running app under load: sessions in real browsers upload photos and read the answer.

python -m bench.load [--sessions 1,4,8] [--seconds 120] [--rest 180]

Each of up to eight sessions has photos of its own: as many faces as all the others', of which
others smile. Every answer is held against the library's for the same photo, so that neither an
error nor another session's result goes unnoticed. Latency is from the choice of a file to its last
face on the page; browsers and server share the machine.
"""

import asyncio
import contextlib
import io
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage.data
import streamlit
import typer
from PIL import Image
from playwright.async_api import Browser, FilePayload, Page, TimeoutError, async_playwright

from fer.recognizer import Face, Recognizer
from fer.wording import named
from tools.camera import FROWN, SMILE
from tools.machine import conditions, resident
from tools.running import CHROMIUM_FLAGS, chromium, served

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 300_000  # milliseconds; an answer that takes longer is an error
SIZE = (1280, 960)
FACES = 3
SIDE = 200  # pixels of a face's picture, at which all of them are found
INVITATION = "Drop in photos, take one, or try the example."


class Session:
    """A visitor and their photos."""

    def __init__(self, number: int, recognizer: Recognizer) -> None:
        self.number = number
        self.photo = make_photo(number)
        faces = recognizer.recognize([self.photo])[0]
        assert len(faces) == FACES, f"{len(faces)} faces of session {number} are found"
        self.expected = [described(number, face) for number, face in enumerate(faces, start=1)]
        self.latencies: list[float] = []

    def next(self) -> FilePayload:
        """Return a photo that the page does not know yet.

        Bytes behind a JPEG's end make it another file and change no pixel.
        """
        count = len(self.latencies)
        name = f"session {self.number} photo {count}.jpg"
        data = self.photo + f"{self.number} {count}".encode()
        return {"name": name, "mimeType": "image/jpeg", "buffer": data}


def make_photo(number: int) -> bytes:
    """Return a JPEG of three faces, which show something else for each number below eight."""
    photo = Image.fromarray(skimage.data.coffee()).resize(SIZE)
    for place in range(FACES):
        face = FROWN if number >> place & 1 else SMILE
        photo.paste(face.resize((SIDE, SIDE)), (60 + 400 * place, 100 + 200 * place))
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def described(number: int, face: Face) -> str:
    """Return what the page says of a face."""
    return f"{number} · {named(face.by_emotion, face.certain)}"


async def enter(browser: Browser, address: str) -> Page:
    """Open the app in a browser profile of its own."""
    context = await browser.new_context(viewport={"width": 1280, "height": 1000})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    await page.goto(address)
    await page.get_by_text(INVITATION).wait_for()
    return page


async def work(page: Page, session: Session, until: float) -> None:
    """Upload and check, again and again until a time, once at least."""
    heading = page.get_by_role("heading", name=f"{FACES} faces", exact=True)
    while not session.latencies or time.monotonic() < until:
        photo = session.next()
        start = time.perf_counter()
        await page.locator("input[type=file]").set_input_files([photo])
        try:
            await heading.wait_for()
            await page.get_by_role("figure", name="Probabilities by the model").wait_for()
        except TimeoutError as error:
            shown = await page.get_by_test_id("stApp").inner_text()
            raise AssertionError(f"session {session.number} still sees:\n{shown}") from error
        session.latencies.append(time.perf_counter() - start)
        await check(page, session, photo["name"])
        await page.get_by_role("button", name="Clear all photos").click()
        await page.get_by_text(INVITATION).wait_for()
        # What is shown of the last photo fades until the page's run has ended.
        await heading.wait_for(state="detached")


async def check(page: Page, session: Session, name: str) -> None:
    """Hold what is shown against what the session's photo gives."""
    shown = [text.strip() for text in await page.get_by_test_id("stText").all_inner_texts()]
    if shown[:1] != [name]:
        raise AssertionError(f"session {session.number} was shown {shown}, not {name}")
    if await page.get_by_test_id("stAlert").count():
        text = await page.get_by_test_id("stAlert").first.inner_text()
        raise AssertionError(f"session {session.number} was told: {text}")
    body = await page.get_by_test_id("stMain").inner_text()
    for said in session.expected:
        if said not in body:
            raise AssertionError(f"session {session.number} misses {said} in:\n{body}")


async def load(sessions: list[Session], address: str, seconds: float) -> None:
    """Let sessions work side by side, and leave."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        pages = [await enter(browser, address) for _ in sessions]
        until = time.monotonic() + seconds
        # Not `gather`: the others would wait on without end for a browser that one's fault closed.
        async with asyncio.TaskGroup() as together:
            for page, session in zip(pages, sessions, strict=True):
                together.create_task(work(page, session, until))
        await browser.close()


@contextlib.contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """Take a process's resident memory five times a second while the block runs."""
    taken = [resident(pid)]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            taken.append(resident(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield taken
    finally:
        done.set()
        thread.join()


def main(sessions: str = "1,4,8", seconds: float = 120, rest: float = 180) -> None:
    """Print a table in Markdown; stop at the first error or foreign result."""
    counts = [int(count) for count in sessions.split(",")]
    recognizer = Recognizer.from_pretrained()
    print(
        f"{conditions()}, Streamlit {streamlit.__version__}; "
        f"photos of {SIZE[0]} x {SIZE[1]} with {FACES} faces",
        flush=True,
    )
    print(
        f"{seconds:.0f} s each; memory of the server in MB: after a first photo, the most, and "
        f"{rest:.0f} s after the sessions left\n\n"
        "| sessions | photos | photos/s | median, s | 95%, s | start | peak | after | more |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        flush=True,
    )
    for count in counts:
        everyone = [Session(number, recognizer) for number in range(count)]
        answers = {tuple(session.expected) for session in everyone}
        assert len(answers) == count, "two sessions' answers are alike"
        with (
            tempfile.TemporaryDirectory() as folder,
            served(ROOT, Path(folder) / "log") as server,
        ):
            asyncio.run(load([Session(0, recognizer)], server.address, 0))
            start = resident(server.pid)
            with watched(server.pid) as taken:
                asyncio.run(load(everyone, server.address, seconds))
                time.sleep(rest)
            after = resident(server.pid)
            if "Traceback" in (log := (Path(folder) / "log").read_text()):
                raise AssertionError(log)
        latencies = [latency for each in everyone for latency in each.latencies]
        print(
            f"| {count} | {len(latencies)} | {len(latencies) / seconds:.2f} "
            f"| {np.median(latencies):.2f} | {np.quantile(latencies, 0.95):.2f} "
            f"| {start:.0f} | {max(taken):.0f} | {after:.0f} | {after - start:+.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
