"""The batch on the corpus: every file is accounted for, every valid neighbour is scored."""

import csv
import io
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.server.archives import unzip
from app.server.jobs import to_csv, to_parquet
from fer.errors import TooMuch, UnreadableArchive
from fer.scoring.parquet_output import SCHEMA
from fer.scoring.rows import COLUMNS, FORMULA_STARTS, error_row, safe_path
from tests.corpus import NAMES, packed
from tests.corpus_zips import entry
from tests.measured import Measured, in_its_own_process, score_all

GIGABYTE = 10**9
SCORED = {"ok", "whole_image", "no_face"}
thorough = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def measured() -> Measured:
    return in_its_own_process(score_all)


def statuses(table: pa.Table) -> dict[str, str]:
    return dict(zip(table["path"].to_pylist(), table["status"].to_pylist(), strict=True))


def test_every_file_has_a_row_and_the_valid_ones_are_scored(measured):
    found = statuses(measured.results["corpus"])
    files = {name: valid for name, valid in measured.valid.items() if not name.endswith(".zip")}
    assert found.keys() == {safe_path(name) for name in files}
    for name, valid in files.items():
        if valid is not None:
            assert (found[safe_path(name)] in SCORED) == valid, name
    neighbours = [name for name in files if name.startswith("neighbour")]
    assert len(neighbours) > 30
    assert {found[name] for name in neighbours} == {"ok"}


def test_every_archive_is_scored_or_refused_with_a_sentence(measured):
    archives = {name: valid for name, valid in measured.valid.items() if name.endswith(".zip")}
    for name, valid in archives.items():
        result = measured.results[name]
        if isinstance(result, str):
            assert not valid, (name, result)
            assert result.endswith("."), (name, result)
        elif valid is not None:
            assert valid, name
            assert "ok" in [row["status"] for row in result.to_pylist() if "good" in row["path"]]
    assert "error" not in statuses(measured.results["names.zip"]).values()
    escapes = statuses(measured.results["escapes.zip"])
    assert [path for path, status in escapes.items() if status == "ok"] == ["good.jpg"]


def test_none_takes_more_than_a_gigabyte(measured):
    assert 10**8 < measured.growth < GIGABYTE


def written(names: list[str]) -> list[str]:
    """Write names into both kinds of table and read them back; return them as they stand there."""
    rows = [error_row(name, OSError("x"), "cnn") for name in names]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    # Not Python's universal newlines: a spreadsheet's reader ends a row where quotes allow it.
    lines = list(csv.reader(io.StringIO(to_csv(table).decode(), newline="")))
    assert tuple(lines[0]) == COLUMNS
    assert {len(line) for line in lines} == {len(COLUMNS)}
    paths = [line[COLUMNS.index("path")] for line in lines[1:]]
    parquet = pq.read_table(pa.BufferReader(to_parquet(table)))
    assert parquet["path"].to_pylist() == paths
    return paths


def check_names(names: list[str]) -> None:
    for name, path in zip(names, written(names), strict=True):
        assert path.removeprefix("./") == name.removeprefix("./")
        assert not path.startswith(FORMULA_STARTS)


def test_nasty_names_come_out_whole_and_as_no_formula():
    check_names([name for group in NAMES.values() for name in group])


@pytest.mark.parametrize("name", NAMES["formula"][:11])
def test_what_a_spreadsheet_runs_is_disarmed(name):
    assert written([name]) == [f"./{name}"]


# Text that UTF-8 can hold: other names come neither from a browser nor out of a zip.
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
beginning = st.sampled_from(["", *FORMULA_STARTS])


@thorough
@given(
    st.lists(st.builds(str.__add__, st.sampled_from(["", *FORMULA_STARTS]), anything), max_size=5)
)
def test_any_names_come_out_whole_and_as_no_formula(names):
    check_names(names)


@thorough
@given(st.lists(anything, min_size=1, max_size=5))
def test_any_names_in_a_zip_spoil_no_neighbour(names):
    data = packed([*[(entry(f"{name}.jpg"), b"x") for name in names], ("good.jpg", b"whole")])
    batch = unzip("a.zip", data)
    assert len(batch.entries) + batch.skipped == len(names) + 1
    assert batch.entries[-1].path == "good.jpg"
    assert batch.entries[-1].read() == b"whole"
    written([entry.path for entry in batch.entries])


@thorough
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(0, 30),
)
def test_any_damage_to_a_zip_is_a_sentence_or_an_error_of_its_files(changes, cut):
    data = bytearray(packed([("a.jpg", bytes(900)), ("é.jpg", b"two"), ("c.jpg", b"three")]))
    for place, value in changes:
        data[place % len(data)] = value
    try:
        batch = unzip("a.zip", bytes(data[: len(data) - cut]))
    except (UnreadableArchive, TooMuch):
        return
    for photo in batch.entries:
        with suppress(OSError):
            assert isinstance(photo.read(), bytes)
