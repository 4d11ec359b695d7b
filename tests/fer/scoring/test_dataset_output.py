import shutil

import pytest

from fer.scoring.dataset_output import DatasetOutput
from fer.scoring.output import OutputRefused
from fer.scoring.parquet_output import ParquetOutput
from tests.fer.scoring.test_output import RUN, photo, write


@pytest.mark.parametrize(("output", "last"), [(DatasetOutput, 99_999), (ParquetOutput, 999_999)])
def test_parts_are_in_order_also_where_a_number_has_one_more_digit(output, last, tmp_path):
    path = tmp_path / ("results" if output is DatasetOutput else "t.parquet")
    options = {"part_rows": 1} if output is DatasetOutput else {}
    expected = []
    for number in (1, 2, 3):  # each a run of its own
        table = output(path, RUN, resume=True, retry_errors=False, **options)
        table.next_part = max(table.next_part, last)
        table.write(photo(number))
        table.close(finished=False)
        expected.append(photo(number)[0]["path"])
    again = output(path, RUN, resume=True, retry_errors=False, **options)
    assert [row["path"] for row in again.read()] == expected


def test_a_part_s_copy_is_no_part(tmp_path):
    """Whoever reads the folder would have its rows twice."""
    write(DatasetOutput, tmp_path / "r", [photo(1)], finished=False)
    shutil.copy(tmp_path / "r" / "part-00001.parquet", tmp_path / "r" / "part-00001 (1).parquet")
    with pytest.raises(OutputRefused, match=r"other files \(part-00001 \(1\)\.parquet\)"):
        write(DatasetOutput, tmp_path / "r", [photo(2)])
