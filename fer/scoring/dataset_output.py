"""A table as a folder of Parquet files that stays one: `results/`, which pandas reads as a whole.

Each part, `part-00001.parquet`, holds so many rows. The last one is replaced, all or nothing, by
itself with the rows that came since, so that the folder can be read at any time and no row stands
in it twice. `_SUCCESS` (Hadoop's and Spark's convention) appears once no photo is missing;
`_run.json` says what the rows depend on. Readers of Parquet pass by names that begin with `_`.
"""

import os
import re
import time
from pathlib import Path

import pyarrow as pa

from fer.scoring.output import OutputRefused, Paths, Run, Sidecar, lock, writing
from fer.scoring.parquet_output import (
    ParquetOutput,
    drop_errors,
    part_number,
    read_whole,
    replace_table,
)
from fer.scoring.rows import PHOTOS, Layout, Rows

PART_ROWS = 100_000
"""Rows of a part, or a few more: those of one photo stay together."""

SECONDS = 60.0
"""The growing part, which is held in memory, is written again after so long; a killed run loses no
more than that."""

SUCCESS, RUN = "_SUCCESS", "_run.json"
OURS = re.compile(rf"_?part-\d+\.parquet(\.new)?|{SUCCESS}|{re.escape(RUN)}(\.new)?")
"""Names of files in such a folder."""


class DatasetOutput(ParquetOutput):
    """A folder of Parquet files."""

    def __init__(
        self,
        path: Path,
        run: Run,
        *,
        resume: bool,
        retry_errors: bool,
        layout: Layout = PHOTOS,
        part_rows: int = PART_ROWS,
    ) -> None:
        """Open the folder, to begin it or to resume it.

        Raises:
            OutputRefused: if it belongs to another run, holds other files, or is being written.
            OutputFailed: if it cannot be written.
        """
        self._prepare(path, layout)
        self.parts = path
        self.part_rows = part_rows
        self.growing: list[pa.Table] = []
        sidecar = Sidecar(path, path / RUN)
        there = [file.name for file in path.glob("*")]
        if foreign := sorted(name for name in there if not OURS.fullmatch(name)):
            raise OutputRefused(f"{path} holds other files ({foreign[0]}): give a new folder.")
        going_on = resume and any(name.startswith("part-") for name in there)
        if going_on:
            sidecar.belongs_to(run)
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
            self.folder = os.open(path, os.O_RDONLY)
            try:
                lock(self.folder, path)
                (path / SUCCESS).unlink(missing_ok=True)
                for file in path.glob("*.new"):
                    file.unlink()
                if not going_on:
                    for file in self._part_files():
                        file.unlink()
                    sidecar.write(run)
                if retry_errors:
                    for file in self._part_files():
                        drop_errors(file)
                self.done = Paths(self._done())
                self._go_on_with_last()
            except BaseException:
                os.close(self.folder)
                raise

    def write(self, rows: Rows) -> None:
        """Add the rows of one photo; they are on the disk once the part is."""
        self.rows.extend(rows)
        full = len(self.rows) + sum(map(len, self.growing)) >= self.part_rows
        if full or time.monotonic() - self.part_began >= SECONDS:
            self._write_part()

    def close(self, finished: bool) -> None:
        """Write the last part and, if no photo is missing, say so."""
        try:
            self._write_part()
            if finished:
                with writing(self.path):
                    (self.path / SUCCESS).touch()
        finally:
            os.close(self.folder)

    def _go_on_with_last(self) -> None:
        files = self._part_files()
        last = part_number(files[-1]) if files else 0
        self.next_part = last + 1
        if files and len(table := read_whole(files[-1])) < self.part_rows:
            self.growing, self.next_part = [table], last

    def _write_part(self) -> None:
        if self.rows:
            self.growing.append(pa.Table.from_pylist(self.rows, schema=self.schema))
            self.rows = []
            with writing(self.path):
                file = self.path / f"part-{self.next_part:05}.parquet"
                replace_table(file, iter(self.growing), self.schema)
            if sum(map(len, self.growing)) >= self.part_rows:
                self.growing, self.next_part = [], self.next_part + 1
        self.part_began = time.monotonic()

    def _files(self) -> list[Path]:
        return self._part_files()
