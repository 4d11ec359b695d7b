import pandas as pd
import pytest

from app.choice import ORDERS, Choice, ordered, select

TABLE = pd.DataFrame(
    {
        "status": ["ok", "ok", "whole_image", "no_face", "error"],
        "emotion": ["happy", "sad", "happy", None, None],
        "confidence": [0.9, 0.4, 0.6, None, None],
        "certain": pd.array([True, False, True, None, None], dtype="boolean"),
    }
)


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"statuses": ["ok", "error"]}, [0, 1, 4]),
        ({"emotions": ["happy"]}, [0, 2]),
        ({"confidence": (0.0, 0.6)}, [1, 2]),
        ({"confidence": (0.6, 1.0)}, [0, 2]),
        ({"statuses": ["ok"], "emotions": ["happy", "sad"], "confidence": (0.5, 1.0)}, [0]),
        ({"certain": True}, [0, 2]),
        ({"certain": False}, [1]),
        ({"statuses": ["error"], "emotions": ["happy"]}, []),
    ],
)
def test_rows_are_chosen_by_all_that_is_asked(asked, rows):
    assert select(TABLE, Choice(**asked)).index.tolist() == rows


def test_orders():
    faces = TABLE[:3]
    assert [ordered(faces, order).index.tolist() for order in ORDERS] == [
        [0, 1, 2],
        [0, 2, 1],
        [1, 2, 0],
    ]
