"""CSV as people's programs write it -> a table of text: spreadsheets, pandas, other countries."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np
import pandas as pd
from charset_normalizer import from_bytes

from fer.errors import UnreadableTable

MAX_TABLE = 250_000_000
"""Bytes of a CSV: some millions of rows, which as text in Python take over ten times as much."""

SEPARATORS = ",;\t|"
"""Between cells: Excel writes semicolons where the comma is the decimal sign."""

BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
CODE_PAGES = ("cp1252", "cp932", "gbk", "cp949", "big5", "cp1251", "cp1250")
"""In which spreadsheets of the West, Japan, China, Korea, Taiwan and the East write without one."""

OTHER_FILES = {
    b"PK\x03\x04": "a spreadsheet's own file",
    b"\xd0\xcf\x11\xe0": "a spreadsheet's own file",
    b"PAR1": "a Parquet file",
}
"""What a file is instead, by how it begins."""


def read_table(file: IO[bytes], columns: Sequence[str], *, lower: bool = True) -> pd.DataFrame:
    """Read a CSV with a header.

    Any of `SEPARATORS`, any of the encodings above, any line ends; Excel's first line `sep=;`,
    empty lines and cells behind the last column are passed over, and so is the column of row
    numbers that pandas writes without a name.

    Args:
        file: opened for reading bytes; its `name` stands in what is raised.
        columns: those that are needed, in lower case.
        lower: whether columns' names become lower case; otherwise they stay as they are.

    Returns:
        All columns, each cell as text.

    Raises:
        UnreadableTable: if it is no such table.
    """
    name = getattr(file, "name", "The file")
    try:
        data = file.read(MAX_TABLE + 1)
        if len(data) > MAX_TABLE:
            raise UnreadableTable(
                f"{name} is larger than {MAX_TABLE // 1_000_000} MB: split it, or, for photos to "
                "score, give it as Parquet."
            )
        text = _text(data)
        written, rows = _rows(text, columns)
    except UnreadableTable:
        raise
    except (ValueError, OSError, csv.Error) as error:
        raise UnreadableTable(f"{name} is not a CSV: {error}.") from error
    header = [name.lower() for name in written] if lower else written
    if missing := [column for column in columns if column not in header]:
        raise UnreadableTable(
            f"{name} has no column {', '.join(missing)}; it needs {', '.join(columns)}."
        )
    named = [column for column in header if column]
    if any(named.count(column) > 1 for column in named):
        raise UnreadableTable(f"{name} has two columns of one name: leave one of them out.")
    width = len(header)
    if rows and all(
        len(row) == width + 1 and row[0].strip().isdecimal() and row[-1].strip() for _, row in rows
    ):
        rows = [
            (line, row[1:]) for line, row in rows
        ]  # row numbers, which pandas may leave unnamed
    for line, row in rows:
        if any(cell.strip() for cell in row[width:]):
            raise UnreadableTable(
                f"Line {line} of {name} has {len(row)} cells and the header {width}: put quotes "
                "around what holds a separator."
            )
    cells = [[*row[:width], *[""] * (width - len(row))] for _, row in rows]
    table = pd.DataFrame(cells, columns=header, dtype=str)
    return table.loc[:, [bool(column) for column in header]]


def _text(data: bytes) -> str:
    """Decode a file.

    Raises:
        ValueError: with what it is instead.
    """
    if what := next((what for head, what in OTHER_FILES.items() if data.startswith(head)), None):
        raise ValueError(f"it is {what}; save the table as CSV")
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding)
    if b"\0" in data:
        if len(data) % 2 == 0 and not any(data[1:64:2]):
            return data.decode("utf-16-le")
        if len(data) % 2 == 0 and not any(data[:64:2]):
            return data.decode("utf-16-be")
        raise ValueError("it holds bytes that are no text")
    try:
        return data.decode()
    except UnicodeDecodeError:
        best = from_bytes(data, cp_isolation=list(CODE_PAGES)).best()
        return data.decode(best.encoding if best else CODE_PAGES[0], "replace")


def _rows(text: str, columns: Sequence[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and the other rows with the numbers of their last lines.

    Raises:
        ValueError: if there is no header, or a quote is not closed.
        csv.Error: if a cell is beyond measure.
    """
    said = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    separators = said[1] if said else SEPARATORS
    text = text[said.end() :] if said else text
    found = []
    for separator in separators:
        header = _header(next(_cells(text, separator), (0, []))[1])
        # The separator is the one by which the header has what is needed, and most cells.
        found.append((sum(column in header for column in columns), len(header), separator))
    separator = max(found, key=lambda one: one[:2])[2]
    rows = _cells(text, separator)
    first = next(rows, None)
    if first is None:
        raise ValueError("it is empty")
    header = _header(first[1])
    # Tables put one behind the other repeat it.
    others = [(line, row) for line, row in rows if _header(row) != header]
    if text.count('"') % 2 and any("\n" in cell for _, row in others for cell in row):
        raise ValueError("a quote is not closed")
    return _header(first[1], lower=False), others


def _cells(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    for row in lines:
        if any(cell.strip() for cell in row):
            yield lines.line_num, row


def _header(row: Sequence[str], lower: bool = True) -> list[str]:
    names = [cell.strip(" \t\"'\ufeff") for cell in row]
    names = [name.lower() for name in names] if lower else names
    while names and not names[-1]:
        names.pop()
    return names


def plain(text: str) -> str:
    """Return a cell without what spreadsheets and file systems do to text.

    `="a"` and a leading apostrophe keep a spreadsheet from computing; macOS writes é in two
    characters, others in one.

    >>> plain('="a.jpg"'), plain("'=a.jpg"), plain("cafe\u0301.jpg\u00a0")
    ('a.jpg', '=a.jpg', 'caf\u00e9.jpg')
    """
    text = unicodedata.normalize("NFC", text.strip().strip("\ufeff\u200b\u200e\u200f"))
    if quoted := re.fullmatch(r'="(.*)"', text, re.DOTALL):
        text = quoted[1].replace('""', '"')
    return text[1:] if re.match(r"'[=+\-@]", text) else text


def number(text: str) -> float:
    """Return a number as spreadsheets write it; not-a-number for anything else.

    >>> number("0.5"), number("0,5"), number("50%"), number("5,0E-01"), number("")
    (0.5, 0.5, 0.5, 0.5, nan)
    """
    plain_text = text.strip().replace(",", ".")
    try:
        if plain_text.endswith("%"):
            return float(plain_text[:-1]) / 100
        return float(plain_text)
    except ValueError:
        return np.nan
