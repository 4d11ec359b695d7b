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


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("hold", [APART, REFERRING_TO_ITSELF])
def test_freed_memory_goes_back(hold):
    script = MEASURED.replace("{hold}", hold)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert float(done.stdout) > 150  # of 240 MB
