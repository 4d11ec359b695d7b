"""FER-2013 as a folder of Parquet files: its official counts, and the images of its test rows."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from fer.errors import UnreadableTable, first_line

OFFICIAL_CLASSES = {
    "train": (3995, 436, 4097, 7215, 4830, 3171, 4965),
    "validation": (467, 56, 496, 895, 653, 415, 607),
    "test": (491, 55, 528, 879, 594, 416, 626),
}
"""Images of each emotion, in the order of `fer.emotions.EMOTIONS`."""


def read_test_images(folder: Path, rows: Sequence[int]) -> dict[int, bytes]:
    """Read some test images, as the bytes of their PNG files, by their row in `fer2013.csv`.

    Args:
        folder: one with a `test.parquet`; of it only these rows are decoded.

    Raises:
        UnreadableTable: if there is none, or it is not FER-2013's.
    """
    path = folder / "test.parquet"
    if not path.is_file():
        raise UnreadableTable(f"There is no test.parquet in {folder}.")
    try:
        table = pd.read_parquet(
            path, columns=["row", "image"], filters=[("row", "in", [int(row) for row in rows])]
        )
        return {
            int(row): image["bytes"]
            for row, image in zip(table["row"], table["image"], strict=True)
        }
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
        raise UnreadableTable(f"{path} cannot be read: {first_line(error)}") from error
