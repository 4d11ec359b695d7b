"""Entries -> rows on a Ray cluster: the local engine's stages, spread by Ray Data.

`read_binary_files` reads, a pool of actors that hold the models detects and classifies, and the
rows come back to this process, which writes the table as ever. What Ray could not bring, such as
a file that vanished, is done by the local engine, which knows how to say so.

Ray Data's own checkpoints (`CheckpointConfig`) do not serve here: only its write operators make
them, on a disk that all nodes share, where this process writes the table and knows what it holds.
"""

import logging
import os
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

import fer
from fer.errors import FerError
from fer.recognizer import Recognizer
from fer.scoring.folder import Entry
from fer.scoring.local import READERS, Analysis, classify, cores, examine, score_entries, to_rows
from fer.scoring.parquet_output import SCHEMA
from fer.scoring.rows import safe_path
from fer.wording import counted

log = logging.getLogger(__name__)

PHOTOS = 16
"""Photos that an actor takes at a time."""

CHUNK = 50_000
"""Photos given to Ray Data at a time, which holds all their paths."""

SOURCE = "source"
"""The column that says which file a row is of, until the row has its path."""


class NoRay(FerError):
    """Ray is not installed, or its cluster cannot be reached."""


class Scorer:
    """One of the actors that hold the models."""

    def __init__(self, recognizer: Any) -> None:
        """Take the model over; `recognizer` is a list of one reference, into Ray's store."""
        import ray

        torch.set_num_threads(1)
        self.recognizer: Recognizer = ray.get(recognizer[0])

    def __call__(self, files: pa.Table) -> pa.Table:
        """Turn a table of `path` and `bytes` into the rows of these files."""
        group = [
            (row["path"], examine(self.recognizer, partial(bytes, row["bytes"])))
            for row in files.to_pylist()
        ]
        crops = [found.crops for _, found in group if isinstance(found, Analysis)]
        shares = classify(self.recognizer, crops)
        photos = to_rows(group, shares, self.recognizer)
        rows = [
            row | {SOURCE: path}
            for (path, _), photo in zip(group, photos, strict=True)
            for row in photo
        ]
        return pa.Table.from_pylist(rows, schema=SCHEMA.append(pa.field(SOURCE, pa.string())))


class RayEngine:
    """Scores entries on a cluster."""

    def __init__(
        self,
        system: Any,
        recognizer: Recognizer,
        *,
        workers: int | None = None,
        address: str | None = None,
    ) -> None:
        """Check that there is Ray.

        Args:
            system: fsspec's, that the entries' locations are of; `None` for this machine's files.
            recognizer: the model, which is sent to the actors.
            workers: actors, of one core each; as many as the cluster has cores when left out.
            address: of a running cluster; one on this machine, for this run, when left out.

        Raises:
            NoRay: if Ray is not installed.
        """
        try:
            import ray.data  # noqa: F401
        except ImportError as error:
            raise NoRay("Ray is not installed: pip install -e '.[ray]'.") from error
        self.system = system
        self.recognizer = recognizer
        self.workers = workers
        self.address = address

    def __call__(self, entries: Iterable[Entry], stop: threading.Event) -> Iterator[Any]:
        """Yield the rows of each entry, in the order in which they get done.

        Raises:
            NoRay: if the cluster cannot be reached.
        """
        import ray

        self._connect()
        try:
            reference = [ray.put(self.recognizer)]
            source = iter(entries)
            while not stop.is_set() and (chunk := list(islice(source, CHUNK))):
                left: dict[str, Entry] = {}
                twice = []  # a list may name one file in two ways
                for entry in chunk:
                    if left.setdefault(entry.location or entry.path, entry) is not entry:
                        twice.append(entry)
                if any(entry.location for entry in chunk):
                    yield from self._score(left, reference, stop)
                if lost := sum(bool(entry.location) for entry in left.values()):
                    log.warning("Ray did not bring %s: scored here.", counted(lost, "photo"))
                rest = [*left.values(), *twice]
                yield from score_entries(rest, self.recognizer, stop=stop)
        finally:
            ray.shutdown()

    def _connect(self) -> None:
        import ray

        try:
            if self.address:
                package = str(Path(fer.__file__).parent)
                ray.init(self.address, runtime_env={"py_modules": [package]}, log_to_driver=False)
            else:
                # Ray reports on what is run to its makers unless it is told not to.
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
                ray.init(
                    num_cpus=self.workers or cores(),
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise NoRay(f"Ray cannot be started or reached: {error}") from error

    def _score(
        self, left: dict[str, Entry], reference: list[Any], stop: threading.Event
    ) -> Iterator[Any]:
        """Yield the rows of what Ray brings, and take it out of `left`."""
        import ray

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.max_errored_blocks = -1  # a file that cannot be read fails its neighbours too
        # Of each failed block it has pages to say; how many photos that were is said in the end.
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        actors = self.workers or max(1, int(ray.cluster_resources()["CPU"]))
        rows = ray.data.read_binary_files(
            [entry.location for entry in left.values() if entry.location],
            filesystem=self.system,
            include_paths=True,
            ignore_missing_paths=True,
            # Next to nothing of a core; and while each has an actor, one would never be free.
            ray_remote_args={"num_cpus": 0},
            concurrency=max(READERS, actors),
        ).map_batches(
            Scorer,
            fn_constructor_args=(reference,),
            batch_size=PHOTOS,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=1,
            # An actor whose node is gone may never find another. What it had in hand is left to
            # this process then, and does not wait for it; new photos go to the others.
            max_task_retries=0,
        )
        table: Any
        for table in rows.iter_batches(batch_size=None, batch_format="pyarrow"):
            for source, photo in groupby(table.to_pylist(), lambda row: row.pop(SOURCE)):
                if entry := left.pop(source, None):
                    yield [row | {"path": safe_path(entry.path)} for row in photo]
            if stop.is_set():
                left.clear()
                return
