"""The app as its users start it, and Debian's own Chromium to visit it with."""

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# No sandbox, because CI runs as root; and nothing that calls home.
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
]  # fmt: skip

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
"""A page of Streamlit's that has come to rest."""

SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries())
    if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""
"""A script that adds up by how much the page moves while nobody touches it."""

SMALL_FILE = 64_000  # bytes; larger than the server's log, smaller than what visitors send


class Server(NamedTuple):
    """The app at work."""

    address: str
    pid: int


def chromium() -> str | None:
    """Return the path of the machine's Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def served(folder: Path, log: Path, **environment: str) -> Iterator[Server]:
    """Serve the app in a folder on a free port, as `make app` does, until the block ends."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "serve.py"]
    options = ["--server.port", str(port), "--server.headless", "true"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, *options],
            cwd=folder,
            env=os.environ | environment,
            stdout=file,
            stderr=file,
        )
    try:
        _wait_until_healthy(f"http://localhost:{port}/_stcore/health", process, log)
        yield Server(f"http://localhost:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextlib.contextmanager
def served_without_disk(root: Path, folder: Path) -> Iterator[Server]:
    """Serve the app in `root`, unable to write a file that could hold a picture, as `served`.

    Args:
        folder: for its log and its temporary files. When the block has ended well, an
            `AssertionError` says which of these were left, or what error the log knows of.
    """
    temporary = folder / "tmp"
    temporary.mkdir()
    # A module compiled only in part would stay; so none is.
    settings = {"TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
    with served(root, folder / "log", **settings) as server:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (SMALL_FILE, SMALL_FILE))
        yield server
        left = list(temporary.rglob("*"))
    log = (folder / "log").read_text()
    assert not left, left
    assert "Traceback" not in log, log
    assert "Error" not in log, log


def _wait_until_healthy(url: str, server: subprocess.Popen, log: Path) -> None:
    """Wait for two minutes at most until the server answers."""
    for _ in range(480):
        with contextlib.suppress(OSError), urllib.request.urlopen(url) as answer:
            if answer.read() == b"ok":
                return
        assert server.poll() is None, log.read_text()
        time.sleep(0.25)
    raise TimeoutError(log.read_text())
