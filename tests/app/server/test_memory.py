import subprocess
import sys

import pytest

from tests.conftest import ROOT

MEASURED = """
import gc
from tools.machine import resident
from app.server.memory import release_memory

gc.disable()  # as good as: so few objects let Python wait long
{hold}
before = resident()
release_memory()
print(before - resident())
"""
APART = """
blocks = [bytearray(b"x" * 60_000) for _ in range(4_000)]
kept = blocks[::100]  # between them lies what is freed
del blocks
"""
REFERRING_TO_ITSELF = """
run = {"photos": [bytearray(b"x" * 60_000) for _ in range(4_000)]}
run["globals"] = run
del run
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("hold", [APART, REFERRING_TO_ITSELF])
def test_freed_memory_goes_back(hold):
    assert float(run(MEASURED.replace("{hold}", hold)).stdout) > 150  # of 240 MB


THREADS = """
import ctypes, threading
from app.server.memory import share_arenas

share_arenas()
all_here = threading.Barrier(9)

def take():
    block = bytearray(50_000)
    all_here.wait()

threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
all_here.wait()
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts glibc's arenas")
def test_all_threads_share_two_arenas():
    assert run(THREADS).stderr.count("Arena") == 2
