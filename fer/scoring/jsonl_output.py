"""A table as JSON Lines: an object a row, with every column; appended to as CSV is."""

import json
import math
from collections.abc import Iterator
from typing import Any, BinaryIO

from fer.scoring.csv_output import CsvOutput, Record, changed
from fer.scoring.rows import Rows


class JsonlOutput(CsvOutput):
    """A file of JSON Lines; what can be torn, and how it is resumed, is as for `CsvOutput`."""

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that are there."""
        with open(self.path, "rb") as file:
            for record in self._records(file):
                yield dict(zip(self.layout.columns, record.fields, strict=True))

    def _head(self) -> bytes:
        return b""

    def _lines(self, rows: Rows) -> bytes:
        wholes = ({name: _plain(row.get(name)) for name in self.layout.columns} for row in rows)
        # A manifest may carry dates: they are written as text.
        lines = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in wholes)
        return "".join(lines).encode()

    def _records(self, file: BinaryIO) -> Iterator[Record]:
        start = 0
        for line in file:
            if not line.endswith(b"\n"):  # the torn end
                return
            try:
                row = json.loads(line)
                fields = [row[name] for name in self.layout.columns]
            except (ValueError, KeyError, TypeError) as error:
                raise changed(self.path, start) from error
            yield Record(start, line, str(row[self.layout.key]), fields)
            start += len(line)


def _plain(value: Any) -> Any:
    """Return a value, `None` for a number that is none or beyond all: JSON knows neither."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
