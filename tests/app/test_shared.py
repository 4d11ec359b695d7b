import pytest
from streamlit.testing.v1 import AppTest


def growing(rows: int) -> None:
    import pyarrow as pa

    from app.shared import show_newest
    from fer.scoring.parquet_output import SCHEMA

    show_newest(pa.Table.from_pylist([{"path": "a.jpg"}] * rows, schema=SCHEMA))


@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_is_shown_once_there_is_a_row(rows: int):
    page = AppTest.from_function(growing, kwargs={"rows": rows}, default_timeout=60).run()
    assert not page.exception
    assert len(page.dataframe) == rows
