"""FER-2013: its official counts, which test images stand in train too, and reading test images."""

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

IN_TRAIN = frozenset({
    32314, 32324, 32332, 32376, 32380, 32395, 32398, 32404, 32411, 32416, 32432, 32435, 32449,
    32469, 32484, 32485, 32569, 32600, 32605, 32611, 32716, 32731, 32749, 32753, 32765, 32774,
    32780, 32799, 32820, 32824, 32832, 32858, 32865, 32885, 32904, 32912, 32923, 32924, 32925,
    32929, 32946, 32985, 32988, 32989, 32991, 32994, 33004, 33042, 33064, 33081, 33095, 33097,
    33112, 33128, 33143, 33204, 33232, 33251, 33284, 33290, 33299, 33306, 33313, 33328, 33332,
    33333, 33345, 33349, 33366, 33374, 33385, 33387, 33403, 33404, 33429, 33430, 33432, 33433,
    33480, 33500, 33501, 33503, 33511, 33535, 33541, 33542, 33561, 33566, 33569, 33571, 33596,
    33631, 33632, 33642, 33644, 33650, 33652, 33670, 33682, 33707, 33724, 33732, 33734, 33746,
    33755, 33759, 33778, 33780, 33783, 33797, 33801, 33812, 33821, 33825, 33832, 33847, 33854,
    33859, 33872, 33886, 33901, 33908, 33911, 33951, 33954, 33957, 33968, 33974, 33997, 33998,
    34012, 34016, 34024, 34048, 34052, 34060, 34063, 34085, 34093, 34111, 34114, 34116, 34119,
    34123, 34169, 34183, 34184, 34200, 34213, 34288, 34303, 34313, 34330, 34368, 34369, 34373,
    34378, 34382, 34390, 34405, 34411, 34422, 34423, 34424, 34439, 34458, 34472, 34489, 34494,
    34499, 34506, 34541, 34559, 34561, 34568, 34579, 34583, 34592, 34601, 34603, 34606, 34615,
    34620, 34623, 34633, 34647, 34682, 34687, 34698, 34701, 34706, 34734, 34738, 34743, 34780,
    34794, 34808, 34816, 34817, 34822, 34825, 34833, 34840, 34844, 34859, 34867, 34923, 34925,
    34926, 34933, 34944, 34956, 34957, 34958, 34961, 34990, 35002, 35012, 35049, 35063, 35067,
    35087, 35093, 35113, 35118, 35130, 35164, 35174, 35190, 35211, 35219, 35221, 35227, 35229,
    35270, 35285, 35288, 35304, 35310, 35315, 35322, 35342, 35356, 35358, 35361, 35363, 35387,
    35388, 35391, 35425, 35442, 35475, 35489, 35498, 35505, 35511, 35531, 35539, 35540, 35560,
    35564, 35573, 35586, 35603, 35607, 35619, 35624, 35643, 35662, 35666, 35679, 35683, 35688,
    35692, 35696, 35726, 35744, 35750, 35752, 35754, 35757, 35786, 35792, 35826, 35833, 35874,
    35875, 35886
})  # fmt: skip
"""The test images, by their row in `fer2013.csv`, that stand in train too, pixel for pixel."""


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
        raise UnreadableTable(f"{path} cannot be read: {first_line(error)}.") from error
