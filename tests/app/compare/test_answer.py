import pandas as pd
import pytest

from app.compare.answer import _quick


@pytest.mark.parametrize(
    ("accuracy", "said"), [(0.8677, "as often right"), (0.86, "0.8 points less")]
)
def test_what_speed_costs_is_no_number_where_it_rounds_to_nothing(accuracy, said):
    table = pd.DataFrame(
        {"model": ["large", "small"], "accuracy": [0.868, accuracy], "ms a face": [60.0, 15.0]}
    )
    assert _quick(table) == f"take **small** where speed matters ({said}, 4 times as fast)"
