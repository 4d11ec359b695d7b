"""What a measurement says of the machine it was made on."""

import os
import platform
from pathlib import Path

import torch

from fer.artifacts.timing import this_machine


def conditions() -> str:
    """Say where this runs."""
    return (
        f"{this_machine()}, load {os.getloadavg()[0]:.1f} at the start; "
        f"Python {platform.python_version()}, torch {torch.__version__} "
        f"with {torch.get_num_threads()} threads"
    )


def resident(pid: int | None = None) -> float:
    """Return a process's resident memory in MB; this one's when left out."""
    pages = int(Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
