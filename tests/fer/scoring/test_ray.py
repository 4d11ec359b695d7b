"""On Ray: two processes, a cluster of two nodes as a user starts it, and one of them killed.

Minutes long, so not among the tests of `make test`: pip install -e '.[ray]'; pytest -m ray
"""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from fer.cli import ERRORS
from tests.fer.scoring.conftest import BROKEN, encoded

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="ray is not installed"),
]

PHOTOS = 96
LONGEST = 240
"""Seconds after which a run counts as stuck; it takes some 60 on two slow cores."""

ENVIRONMENT = {
    # Ray's own way of today, and no token is written into anybody's home.
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "of these tests alone, and worth nothing",
    "RAY_USAGE_STATS_ENABLED": "0",
    "OMP_NUM_THREADS": "1",
}

DRIVER = """
import sys
from fer.cli import app
from fer.scoring import ray_engine

def count(entries, *arguments, **options):
    print("left to this machine:", len(entries), file=sys.stderr, flush=True)
    return score_entries(entries, *arguments, **options)

score_entries, ray_engine.score_entries = ray_engine.score_entries, count
app()
"""
"""The command, which says how many photos Ray did not bring."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory, astronaut):
    """Photos that take a while, and damaged files."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PHOTOS):
        side = 480 + number
        (folder / f"{number}.jpg").write_bytes(encoded(astronaut.resize((side, side)), "JPEG"))
    for name, make in BROKEN.items():
        (folder / name).write_bytes(make((folder / "0.jpg").read_bytes()))
    return folder


@pytest.fixture(scope="module")
def plain(photos, tmp_path_factory):
    """The rows of a run without Ray."""
    output = tmp_path_factory.mktemp("plain") / "out.csv"
    with running(photos, output) as run:
        _, stderr = run.communicate(timeout=LONGEST)
    assert run.returncode == ERRORS, stderr
    rows = lines(output)
    assert len(rows) > PHOTOS + len(BROKEN)
    return rows


@pytest.fixture(scope="module")
def cluster():
    """A head and a second node, of one core each; each is stopped by its own process."""
    with Cluster() as started:
        yield started


class Cluster:
    """`ray start` on this machine, in a folder of its own."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="ray"))  # of sockets, whose paths are short
        self.nodes = []
        try:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            self.address = f"127.0.0.1:{port}"
            self.start("--head", f"--port={port}", f"--temp-dir={self.folder}")
            self.start(f"--address={self.address}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in reversed(self.nodes):
            kill(node)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *arguments):
        """Start a node of one core and wait until it runs."""
        command = [Path(sys.executable).with_name("ray"), "start", "--num-cpus=1", "--block"]
        log = self.folder / f"{len(self.nodes)}.log"
        with log.open("w") as file:
            node = subprocess.Popen(
                [*command, *arguments], env=os.environ | ENVIRONMENT, stdout=file, stderr=file
            )
        self.nodes.append(node)
        end = time.monotonic() + 120
        while "Ray runtime started" not in log.read_text():
            assert node.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)


@contextmanager
def running(folder, output, *options, **environment):
    """Run `fer score` in a process of its own, which ends with the block."""
    command = [sys.executable, "-c", DRIVER, "score", str(folder), "--output", str(output)]
    run = subprocess.Popen(
        [*command, "--model", "cnn", *options],
        env=os.environ | ENVIRONMENT | environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield run
    finally:
        kill(run)


def kill(process):
    """Kill a process and all that it started, as a machine that loses its power."""
    for pid in descendants(process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # another's end was its own
    process.wait(timeout=30)


def descendants(pid):
    """Return a process and all below it, with what each calls itself."""
    parents, names = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(path.name)] = (path / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has just ended
    found = [pid] if pid in parents else []
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return {process: names[process] for process in found}


def scorers(process):
    """Return the processes below one that hold models."""
    return {pid for pid, name in descendants(process.pid).items() if "Scorer" in name}


def wait_for(condition, run):
    end = time.monotonic() + LONGEST
    while not condition():
        assert run.poll() is None, run.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)


def finish(run):
    """Wait for a run's end; return how many photos Ray did not bring, as it says itself, too."""
    _, stderr = run.communicate(timeout=LONGEST)
    assert run.returncode == ERRORS, stderr
    assert "Traceback" not in stderr
    (left,) = re.findall(r"left to this machine: (\d+)", stderr)
    assert re.findall(r"Ray did not bring (\d+) photo", stderr) == [left] * (left != "0")
    return int(left)


def lines(output):
    return sorted(output.read_text().splitlines())


def test_two_processes_of_this_machine(photos, plain, tmp_path):
    output = tmp_path / "out.csv"
    with running(photos, output, "--engine", "ray", "--workers", "2") as run:
        wait_for(lambda: len(scorers(run)) == 2, run)
        assert finish(run) == 0
    assert lines(output) == plain


def test_a_cluster_of_two_nodes_with_a_process_on_each(photos, plain, cluster, tmp_path):
    output = tmp_path / "out.csv"
    with running(photos, output, "--engine", "ray", "--address", cluster.address) as run:
        wait_for(lambda: all(len(scorers(node)) == 1 for node in cluster.nodes), run)
        assert finish(run) == 0
    assert lines(output) == plain


def test_a_cluster_that_asks_for_another_token_is_a_sentence(photos, cluster, tmp_path):
    options = ("--engine", "ray", "--address", cluster.address)
    with running(photos, tmp_path / "out.csv", *options, RAY_AUTH_TOKEN="another") as run:
        _, stderr = run.communicate(timeout=LONGEST)
    assert run.returncode == 2
    assert "Traceback" not in stderr
    assert "fer: Ray cannot be started or reached: " in stderr


def test_a_node_that_is_killed_loses_no_row(photos, plain, cluster, tmp_path):
    output = tmp_path / "out.csv"
    head, second = cluster.nodes
    options = ("--engine", "ray", "--address", cluster.address, "--workers", "2")
    with running(photos, output, *options) as run:
        wait_for(lambda: scorers(head) and scorers(second), run)
        wait_for(lambda: output.is_file() and len(lines(output)) > 1, run)
        kill(second)
        # What it had in hand is done by this machine, and all else by the node that is left.
        assert 0 < finish(run) < PHOTOS
    assert lines(output) == plain
