"""Work in the background: it outlives the page that started it, and is found again by its id.

Work belongs to whoever knows its id, which cannot be guessed. Results stay in memory and are
dropped by number, size and age; nothing is written to disk.
"""

import logging
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pyarrow as pa

from app.server.memory import release_memory
from fer.errors import FerError, NoLongerKept, TooMuch
from fer.scoring.rows import Rows

CHUNK = 512  # rows kept as dictionaries before they are packed, to a tenth of their size

log = logging.getLogger(__name__)


class Result:
    """What came of work so far: a table that grows, safe to use from any thread."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._packed: list[pa.Table] = []
        self._rows: Rows = []
        self._lock = threading.Lock()

    def add(self, rows: Rows) -> None:
        """Append rows of the table."""
        with self._lock:
            self._rows += rows
            if len(self._rows) >= CHUNK:
                self._packed.append(pa.Table.from_pylist(self._rows, schema=self._schema))
                self._rows = []

    def table(self) -> pa.Table:
        """Return the rows so far, with all columns."""
        with self._lock:
            parts = [*self._packed, pa.Table.from_pylist(self._rows, schema=self._schema)]
        return pa.concat_tables(parts)

    def join(self) -> None:
        """Make one piece of the table, which is read many times as fast, once it is whole."""
        whole = self.table().combine_chunks()
        with self._lock:
            self._packed, self._rows = [whole], []

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, roughly."""
        return self.table().nbytes


R = TypeVar("R", bound=Result)


class Work(ABC, Generic[R]):
    """Something that is being done, or was."""

    def __init__(self, name: str, result: R) -> None:
        self.id = secrets.token_urlsafe(24)
        self.name = name
        self.failure: str | None = None
        """What ended it before its time, other than `cancel`."""
        self.on_end: Callable[[], object] = lambda: None
        """Called once it has ended."""
        self._result: R | None = result
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._ended: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"work-{name}", daemon=True)

    @abstractmethod
    def work(self) -> None:
        """Do it, in its own thread; end early once `_stop` is set."""

    @abstractmethod
    def let_go(self) -> None:
        """Drop what is not needed any more once the work has ended."""

    @property
    def result(self) -> R:
        """What came of it so far; to be asked for anew each time, lest it outlives `drop`.

        Raises:
            NoLongerKept: if it was dropped.
        """
        result = self._result
        if result is None:
            raise NoLongerKept(
                "This result is no longer kept: it was deleted, or its time is over."
            )
        return result

    def table(self) -> pa.Table:
        """Return the rows so far, with all columns.

        Raises:
            NoLongerKept: if they were dropped.
        """
        return self.result.table()

    def drop(self) -> None:
        """Stop, and let go of the result, for pages that are open hold the work itself."""
        self.cancel()
        self._result = None

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask it to stop after what it is at; what is done stays."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, for so long at most; say whether it has."""
        self._thread.join(seconds)
        return not self.running

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._ended is None

    @property
    def cancelling(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    @property
    def seconds(self) -> float:
        """Since it began, until now or until it ended."""
        return (self._ended or time.monotonic()) - self._began

    @property
    def age(self) -> float:
        """Seconds since it ended; 0 before."""
        return 0.0 if self._ended is None else time.monotonic() - self._ended

    def _run(self) -> None:
        try:
            self.work()
            self.result.join()
        except FerError as error:
            self.failure = str(error)
        except Exception:
            # Whatever it is, the visitor must not wait for it, and keeps what is done.
            log.exception("The work on %r ended early", self.name)
            self.failure = "Something went wrong on the server; its log says what."
        finally:
            self.let_go()
            release_memory()
            self._ended = time.monotonic()
            self.on_end()


W = TypeVar("W", bound=Work[Any])


class Store(Generic[W]):
    """The work of all visitors of a server, within limits; safe to use from any thread."""

    def __init__(
        self,
        running: int = 4,
        kept: int = 20,
        kept_bytes: int = 500_000_000,
        kept_seconds: float = 2 * 60 * 60,
    ) -> None:
        """Set the limits.

        Args:
            running: how many run at a time.
            kept: results kept; the oldest go first, as they do for the next two.
            kept_bytes: what they may take together.
            kept_seconds: how long after its end.
        """
        self.running = running
        self.kept = kept
        self.kept_bytes = kept_bytes
        self.kept_seconds = kept_seconds
        self._works: dict[str, W] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def admit(self, work: W, what: str) -> W:
        """Start work in the background.

        Args:
            work: not begun yet.
            what: of which there may be so many at a time, in the plural.

        Raises:
            TooMuch: if as many as may run at a time do.
        """
        with self._lock:
            self._drop()
            if sum(work.running for work in self._works.values()) >= self.running:
                raise TooMuch(
                    f"{self.running} {what} are being scored on this server, and no more run at "
                    "a time: try again when one is done."
                )
            work.on_end = self._drop_in_time
            self._works[work.id] = work
        work.start()
        return work

    def find(self, id_: str) -> W | None:
        """Return work by its id, if it is still kept."""
        with self._lock:
            self._drop()
            return self._works.get(id_)

    def forget(self, id_: str) -> None:
        """Drop work and its result, and stop it if it runs."""
        with self._lock:
            work = self._works.pop(id_, None)
        if work:
            work.drop()

    def _drop_in_time(self) -> None:
        """See that results go when their time is over, whoever comes: one timer for all."""
        with self._lock:
            self._drop()
            ended = [work.age for work in self._works.values() if not work.running]
            if self._timer or not ended:
                return
            self._timer = threading.Timer(self.kept_seconds - max(ended) + 1, self._time_is_over)
            self._timer.daemon = True
            self._timer.start()

    def _time_is_over(self) -> None:
        with self._lock:
            self._timer = None
        self._drop_in_time()

    def _drop(self) -> None:
        """Drop results beyond the limits; the newest always stays its time."""
        ended = [work for work in self._works.values() if not work.running]
        total = 0
        for rank, work in enumerate(sorted(ended, key=lambda work: work.age)):
            total += work.result.nbytes
            beyond = rank and (rank >= self.kept or total > self.kept_bytes)
            if beyond or work.age > self.kept_seconds:
                self._works.pop(work.id).drop()
