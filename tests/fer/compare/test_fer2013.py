import io

import pandas as pd
import pytest
from PIL import Image

from fer.compare.fer2013 import OFFICIAL_CLASSES, read_test_images
from fer.errors import UnreadableTable


def png(shade):
    buffer = io.BytesIO()
    Image.new("L", (48, 48), shade).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    images = [{"bytes": png(shade), "path": f"{shade}.png"} for shade in range(5)]
    rows = range(100, 105)
    pd.DataFrame({"image": images, "label": 0, "row": rows}).to_parquet(tmp_path / "test.parquet")
    return tmp_path


def test_the_images_asked_for_come_back_by_row(folder):
    found = read_test_images(folder, [103, 101, 999])
    assert found == {103: png(3), 101: png(1)}
    assert read_test_images(folder, []) == {}


@pytest.mark.parametrize("content", [None, b"", b"not parquet"])
def test_a_missing_or_damaged_file_is_named(content, tmp_path):
    if content is not None:
        (tmp_path / "test.parquet").write_bytes(content)
    with pytest.raises(UnreadableTable, match=r"test\.parquet"):
        read_test_images(tmp_path, [1])


def test_a_table_without_images_is_named(tmp_path):
    pd.DataFrame({"row": [1]}).to_parquet(tmp_path / "test.parquet")
    with pytest.raises(UnreadableTable, match="image"):
        read_test_images(tmp_path, [1])


def test_classes_add_up_to_the_official_counts():
    assert {name: sum(counts) for name, counts in OFFICIAL_CLASSES.items()} == {
        "train": 28_709, "validation": 3_589, "test": 3_589,
    }  # fmt: skip
