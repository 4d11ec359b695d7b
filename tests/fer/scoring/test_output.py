import errno
import json
import os
import resource
import signal
import time
from contextlib import suppress
from dataclasses import replace
from hashlib import sha512
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from fer.scoring.csv_output import HEADER, CsvOutput, csv_lines, read_csv
from fer.scoring.dataset_output import RUN as RUN_FILE
from fer.scoring.dataset_output import SUCCESS, DatasetOutput
from fer.scoring.jsonl_output import JsonlOutput
from fer.scoring.output import OutputFailed, OutputRefused, Paths, Run
from fer.scoring.parquet_output import ParquetOutput
from fer.scoring.rows import PHOTOS, to_frame
from fer.scoring.run import open_output

RUN = Run("/photos", "cnn", "digest", {"min_face": 24})
KINDS = [
    (CsvOutput, "t.csv"),
    (JsonlOutput, "t.jsonl"),
    (ParquetOutput, "t.parquet"),
    (DatasetOutput, "t"),
]


def photo(number: int, faces: int = 1, status: str = "ok"):
    """The rows of a photo whose name has all that CSV has to quote."""
    path = f'a "{number}",\n\r.jpg'
    return [
        {"path": path, "status": status, "face": face, "x1": 0.1, "model": "cnn", "error": None}
        for face in range(faces)
    ]


def write(kind, path, photos, finished=True, **options):
    output = kind(path, RUN, **{"resume": True, "retry_errors": False} | options)
    for rows in photos:
        output.write(rows)
    output.close(finished)
    return output


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".jsonl":
        return pd.read_json(path, lines=True)
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def test_json_has_no_numbers_that_json_does_not_know(tmp_path):
    """A manifest of Parquet may carry them."""
    layout = PHOTOS.carrying({"score": pa.float64()})
    scores = (float("nan"), float("inf"), float("-inf"), 0.5)
    photos = [[photo(number)[0] | {"score": score}] for number, score in enumerate(scores)]
    write(JsonlOutput, tmp_path / "t.jsonl", photos, layout=layout)
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    rows = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert [row["score"] for row in rows] == [None, None, None, 0.5]


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_what_is_written_is_read_back(kind, name, tmp_path):
    photos = [photo(1, 2), photo(2)]
    write(kind, tmp_path / name, photos)
    table, expected = read(tmp_path / name), to_frame([*photos[0], *photos[1]])
    assert list(table.columns) == list(expected.columns)
    assert table["path"].tolist() == expected["path"].tolist()
    assert table["face"].tolist() == [0, 1, 0]
    assert table["x1"].tolist() == [0.1] * 3


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_going_on_adds_to_what_is_there(kind, name, tmp_path):
    path = tmp_path / name
    write(kind, path, [photo(1), photo(2, 3)])
    again = write(kind, path, [photo(3)], finished=False)
    assert len(again.done) == 2
    assert all(photo(number)[0]["path"] in again.done for number in (1, 2))
    assert photo(3)[0]["path"] not in again.done
    assert len(write(kind, path, []).done) == 3
    assert read(path)["face"].tolist() == [0, 0, 1, 2, 0]
    write(kind, path, [photo(9)], resume=False)
    assert len(read(path)) == 1


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_errors_are_retried_only_when_asked(kind, name, tmp_path):
    path = tmp_path / name
    write(kind, path, [photo(1), photo(2, status="error"), photo(3)])
    assert len(write(kind, path, []).done) == 3
    again = write(kind, path, [photo(2)], retry_errors=True)
    assert len(again.done) == 2
    table = read(path)
    assert table["status"].tolist() == ["ok"] * 3
    assert table["path"].tolist() == [photo(number)[0]["path"] for number in (1, 3, 2)]


@pytest.mark.parametrize(("kind", "name"), KINDS)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"folder": "/others"}, "made of /others"),
        ({"model": "big"}, "made with the model 'big'"),
        ({"weights": "x"}, "other weights"),
        ({"detector": {"min_face": 40}}, "other settings"),
        ({"format": 0}, "another version"),
    ],
)
def test_another_run_s_table_is_refused(kind, name, change, sentence, tmp_path):
    path = tmp_path / name
    made = kind(path, replace(RUN, **change), resume=True, retry_errors=False)
    made.write(photo(1))
    made.close(True)
    before = read(path)
    with pytest.raises(OutputRefused, match=f"{sentence}.*--no-resume"):
        kind(path, RUN, resume=True, retry_errors=False)
    pd.testing.assert_frame_equal(read(path), before)


def test_a_file_of_unknown_origin_is_refused(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("my,own\n1,2\n")
    with pytest.raises(OutputRefused, match=r"no mine\.csv\.run\.json says"):
        open_output(path, RUN)
    write(CsvOutput, tmp_path / "t.csv", [])
    (tmp_path / "t.csv").write_text("my,own\n1,2\n")
    with pytest.raises(OutputRefused, match="not a table"):
        open_output(tmp_path / "t.csv", RUN)


def test_a_table_that_another_program_changed_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    write(CsvOutput, path, [photo(number) for number in range(3)])
    path.write_bytes(path.read_bytes() + b"half,a,row\nand,more\n")
    before = path.read_bytes()
    with pytest.raises(OutputRefused, match="changed by another program"):
        open_output(path, RUN)
    assert path.read_bytes() == before


def test_cells_that_another_program_changed_are_refused(tmp_path):
    """A line end of another system, a cell larger than any, a quote too many in a long table."""
    path = tmp_path / "t.csv"
    line = csv_lines([{"path": "a.jpg", "status": "ok"}])
    broken = line.replace(b"a.jpg", b"a\rb")
    large = line.replace(b"a.jpg", b'"' + b"x" * 200_000 + b'"')
    quoted = b'"' + line * 100_000
    for changed in (broken, large, quoted):
        write(CsvOutput, path, [photo(1)])
        path.write_bytes(HEADER + changed + line)
        began = time.monotonic()
        with pytest.raises(OutputRefused, match="changed by another program"):
            open_output(path, RUN)
        assert time.monotonic() - began < 20
        assert path.read_bytes() == HEADER + changed + line
        path.unlink()


def test_a_number_that_another_program_changed_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(HEADER + csv_lines([{"path": "a.jpg", "status": "ok", "x1": "1,5"}]))
    with pytest.raises(OutputRefused, match="changed by another program"):
        list(read_csv(path, PHOTOS))


def test_an_output_that_no_disk_takes_is_refused(tmp_path):
    with pytest.raises(OutputRefused, match="other files"):
        open_output("/", RUN)
    for name in ("a" * 300 + ".csv", "a" * 300 + ".parquet", "a" * 300 + "/", "a" * 300 + "/t.csv"):
        with pytest.raises(OutputFailed, match="cannot be written"):
            open_output(f"{tmp_path}/{name}", RUN)


@pytest.mark.parametrize("name", ["t.txt", "t", "t.csv.gz"])
def test_other_endings_are_refused(name, tmp_path):
    with pytest.raises(OutputRefused, match=r"\.csv, \.jsonl or \.parquet"):
        open_output(tmp_path / name, RUN)


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_two_runs_cannot_write_one_table(kind, name, tmp_path):
    first = kind(tmp_path / name, RUN, resume=True, retry_errors=False)
    first.write(photo(1))
    with pytest.raises(OutputRefused, match="another run"):
        kind(tmp_path / name, RUN, resume=False, retry_errors=False)
    first.close(True)
    assert len(read(tmp_path / name)) == 1


def test_cut_at_any_byte_nothing_complete_is_lost_and_nothing_torn_stays(tmp_path):
    path = tmp_path / "t.csv"
    photos = [photo(1), photo(2, 2), photo(3)]
    output = CsvOutput(path, RUN, resume=True, retry_errors=False)
    for rows in photos:
        output.write(rows)
    output.file.close()  # as a kill does it: without the note that the end is whole
    whole = path.read_bytes()
    ends = [len(HEADER)]
    for rows in photos:
        ends.append(ends[-1] + len(csv_lines(rows)))
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        again = CsvOutput(path, RUN, resume=True, retry_errors=False)
        complete = sum(size >= end for end in ends[1:])
        # The last photo that begins may be torn or not: it is done again.
        assert complete - 1 <= len(again.done) <= complete
        for rows in photos:
            if rows[0]["path"] not in again.done:
                again.write(rows)
        again.file.close()
        assert path.read_bytes() == whole


def test_a_killed_join_of_parts_neither_loses_nor_doubles_rows(tmp_path):
    path = tmp_path / "t.parquet"
    output = write(ParquetOutput, path, [photo(1)], finished=False)
    part = output.parts / "000001.parquet"
    kept = part.read_bytes()
    write(ParquetOutput, path, [photo(2)])
    output.parts.mkdir()
    part.write_bytes(kept)  # as if killed after joining it, before removing it
    (output.parts / "000009.parquet.new").write_bytes(b"torn")
    again = write(ParquetOutput, path, [photo(3)])
    assert len(again.done) == 2
    assert read(path)["path"].tolist() == [photo(number)[0]["path"] for number in (1, 2, 3)]
    assert not output.parts.exists()


def test_a_dataset_s_parts_have_their_size_and_can_be_read_while_it_grows(tmp_path, monkeypatch):
    path = tmp_path / "results"
    monkeypatch.setattr("fer.scoring.dataset_output.SECONDS", 0.0)  # written after each photo
    for begin in (0, 8):  # as if killed in between: never closed
        output = DatasetOutput(path, RUN, resume=True, retry_errors=False, part_rows=5)
        assert len(output.done) == begin // 2
        for number in range(begin // 2, 8):
            output.write(photo(number, 2))
            assert len(pd.read_parquet(path)) == 2 * (number + 1)
            if number == 3 and not begin:
                break
        assert not (path / SUCCESS).exists()
        os.close(output.folder)
    write(DatasetOutput, path, [])
    rows = [len(pd.read_parquet(part)) for part in sorted(path.glob("part-*.parquet"))]
    assert rows == [6, 6, 4]
    assert read(path)["path"].nunique() == 8
    assert (path / SUCCESS).exists()
    assert (path / RUN_FILE).exists()


def test_a_folder_of_other_files_is_not_written_to(tmp_path):
    (tmp_path / "mine.parquet").touch()
    with pytest.raises(OutputRefused, match=r"other files \(mine\.parquet\)"):
        open_output(f"{tmp_path}/", RUN)


def test_parts_are_readable_while_it_goes_on(tmp_path):
    output = write(ParquetOutput, tmp_path / "t.parquet", [photo(1), photo(2)], finished=False)
    assert len(pd.read_parquet(output.parts)) == 2
    assert not output.path.exists()


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_full_disk_keeps_what_is_complete(kind, name, tmp_path, monkeypatch, small_files_only):
    monkeypatch.setattr("fer.scoring.parquet_output.PART_ROWS", 10)
    monkeypatch.setattr("fer.scoring.dataset_output.SECONDS", 0.0)
    path = tmp_path / name
    output = kind(path, RUN, resume=True, retry_errors=False)
    for number in range(20):
        output.write(long(number))
    small_files_only((path.stat().st_size if path.is_file() else 0) + 1500)
    numbers = iter(range(20, 1000))
    with pytest.raises(OutputFailed, match=r"written: File too large\. .* goes on from there"):
        any(output.write(long(number)) for number in numbers)
    with suppress(OutputFailed):
        output.close(False)
    small_files_only(None)
    again = kind(path, RUN, resume=True, retry_errors=False)
    assert len(again.done) >= 20
    for number in range(100):
        if long(number)[0]["path"] not in again.done:
            again.write(long(number))
    again.close(True)
    assert read(path)["path"].tolist() == [long(number)[0]["path"] for number in range(100)]


@pytest.fixture
def small_files_only():
    """Lets files grow to a number of bytes only, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft if size is None else size, hard))

    yield limit
    limit(None)
    signal.signal(signal.SIGXFSZ, before)


def long(number: int):
    """A row of which neither ten nor one compress to nothing."""
    return [{"path": f"{sha512(bytes([number % 256])).hexdigest()} {number}", "status": "ok"}]


def test_a_disk_that_is_full_from_the_start_says_so(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputFailed, match="No space left on device"):
        open_output(tmp_path / "t.csv", RUN)


def test_where_writing_is_not_allowed_it_is_not_said_that_the_run_goes_on(tmp_path, monkeypatch):
    def read_only(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "replace", read_only)
    with pytest.raises(OutputFailed, match=r"Read-only file system\.$"):
        open_output(tmp_path / "t.csv", RUN)


def test_paths_are_a_set():
    names = [f"folder/{number}.jpg" for number in range(1000)]
    paths = Paths(iter(names + names))
    assert len(paths) == 1000
    assert all(name in paths for name in names)
    assert "folder/1000.jpg" not in paths
    assert "x" not in Paths()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF])
@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_disk_without_locks_is_written_to_and_that_is_said(
    kind, name, number, tmp_path, monkeypatch, caplog
):
    def flock(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    write(kind, tmp_path / name, [photo(1)])
    write(kind, tmp_path / name, [photo(2)])
    assert len(read(tmp_path / name)) == 2
    assert "knows no locks" in caplog.text


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_disk_that_knows_no_fsync_is_written_to(kind, name, tmp_path, monkeypatch):
    def fsync(handle):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr("os.fsync", fsync)
    write(kind, tmp_path / name, [photo(1)])
    assert len(read(tmp_path / name)) == 1


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_errors_of_earlier_runs_are_counted(kind, name, tmp_path):
    path = tmp_path / name
    write(kind, path, [photo(1), photo(2, status="error"), photo(3, status="error")])
    assert write(kind, path, []).errors == 2
    assert write(kind, path, [], retry_errors=True).errors == 0
