"""What belongs to the whole process, set and put back by threads that overlap."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager


class Together:
    """A context for any number of threads: entered by the first inside, left by the last.

    Contexts of their own, which they leave in another order than they entered, would put back what
    another thread had set.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[object]]) -> None:
        """Take what makes the context, anew each time that nobody is inside."""
        self._make = make
        self._context = make()
        self._inside = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._context = self._make()
                self._context.__enter__()
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._context.__exit__(None, None, None)
