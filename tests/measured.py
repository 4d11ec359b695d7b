"""What is done with the corpus in a process of its own, so that its memory can be measured.

A process that is at one file for longer than `PATIENCE` says where it was and ends.
"""

import faulthandler
import pickle
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from app.server.archives import unzip
from app.server.jobs import Jobs
from app.server.uploads import Batch, uploaded
from fer.errors import FerError
from fer.faces.images import read_image
from fer.recognizer import Recognizer
from tests.corpus import corpus
from tests.corpus_zips import archives

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 30  # seconds for one file: the longest takes 2, and more where others are at work


@dataclass
class Measured:
    """What came of the corpus, by name: an error's sentence, a size, or a table."""

    results: dict[str, str | tuple[int, int] | pa.Table] = field(default_factory=dict)
    valid: dict[str, bool | None] = field(default_factory=dict)
    """What each file was made as."""
    growth: int = 0
    """Bytes over the baseline at most."""


def in_its_own_process(work) -> Measured:
    """Run a function of this module in a fresh process.

    Not by multiprocessing: it runs the caller's main module there again, and once a page has run in
    a test that is the page.
    """
    code = (
        "import pickle, sys; from tests import measured; "
        f"pickle.dump(measured.{work.__name__}(), sys.stdout.buffer)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return pickle.loads(done.stdout)


def read_all() -> Measured:
    """Read each file as the photo page and as the scorer do."""
    files = corpus()
    recognizer = Recognizer.from_pretrained("cnn")
    measured = Measured(valid={file.name: file.valid for file in files})
    before = _baseline()
    for file in files:
        print(repr(file.name), file=sys.stderr)
        for read in (read_image, recognizer.read):
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            try:
                measured.results[file.name] = read(file.data).size
            except FerError as error:
                measured.results[file.name] = str(error)
    faulthandler.cancel_dump_traceback_later()
    measured.growth = _bytes("VmHWM") - before
    return measured


def score_all() -> Measured:
    """Score all files as one batch, then each archive, as the batch page does."""
    files, zips = corpus(), archives()
    recognizer = Recognizer.from_pretrained("cnn")
    measured = Measured(valid={file.name: file.valid for file in [*files, *zips]})
    before = _baseline()
    batch = uploaded("corpus", [(file.name, file.data) for file in files])
    measured.results["corpus"] = _scored(batch, recognizer)
    for file in zips:
        try:
            measured.results[file.name] = _scored(unzip(file.name, file.data), recognizer)
        except FerError as error:
            measured.results[file.name] = str(error)
    measured.growth = _bytes("VmHWM") - before
    return measured


def _scored(batch: Batch, recognizer: Recognizer) -> pa.Table:
    job = Jobs().start(batch, recognizer)
    done = -1
    while not job.wait(2 * PATIENCE):  # photos come out in groups
        assert job.progress().done > done, f"hangs after {job.progress()}"
        done = job.progress().done
    assert job.complete, job.failure
    return job.table()


def _baseline() -> int:
    """Forget the peak so far; return the memory that is in use."""
    Path("/proc/self/clear_refs").write_text("5")
    return _bytes("VmRSS")


def _bytes(key: str) -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{key}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found, status
    return 1024 * int(found[1])
