import subprocess
import sys

import pytest

HELD = """
import ctypes, sys
from pathlib import Path
from fer.memory import give_back

def resident():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024

blocks = [bytearray(b"x" * 60_000) for _ in range(4_000)]
kept = blocks[::100]  # between them lies what is freed
del blocks
before = resident()
give_back()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_memory_goes_back():
    done = subprocess.run(
        [sys.executable, "-c", HELD], capture_output=True, text=True, check=True, timeout=120
    )
    assert int(done.stdout) > 150  # of 240 MB
