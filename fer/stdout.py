"""What a command prints: where it cannot be written, a sentence says so."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fer.errors import OutputFailed


@contextmanager
def printing() -> Iterator[None]:
    """Flush what the block prints; raise an `OSError` of stdout as an `OutputFailed`.

    Raises:
        OutputFailed: if it cannot be written, as on a full disk.
        BrokenPipeError: if whoever reads it has gone (`… | head`): the command ends with 1.
    """
    try:
        if sys.stdout is None:  # closed before Python began: `… >&-`
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        yield
        sys.stdout.flush()
    except OSError as error:
        if sys.stdout is not None:
            # What is left in the buffer would fail once more when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputFailed(f"stdout cannot be written: {error.strerror}.") from error
