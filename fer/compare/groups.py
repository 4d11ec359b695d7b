"""Does a model do worse on some of the photos? Accuracy by group, with tests for several groups."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from fer.artifacts.report import accuracy_interval


def by_group(groups: Sequence[str], right: np.ndarray) -> pd.DataFrame:
    """Return a model's accuracy in each group, and whether it differs from that in the others.

    Args:
        groups: `[N]`, the group of each face.
        right: bool `[N]`.

    Returns:
        By rising accuracy: `group`, `faces`, `right`, `accuracy`, its 95% interval `low` and
        `high`, `p` of Fisher's exact test of the group against all other faces, and `p_corrected`
        for the number of groups (Holm 1979).
    """
    names = np.asarray(groups, dtype=object)  # as text each would be as wide as the longest
    lines = []
    for name in dict.fromkeys(names.tolist()):
        inside = names == name
        faces, correct = int(inside.sum()), int(right[inside].sum())
        others, other_correct = int((~inside).sum()), int(right[~inside].sum())
        counts = [[correct, faces - correct], [other_correct, others - other_correct]]
        p_value = float(fisher_exact(counts).pvalue)
        interval = accuracy_interval(correct, faces)
        lines.append((name, faces, correct, correct / faces, *interval, p_value))
    columns = ["group", "faces", "right", "accuracy", "low", "high", "p"]
    table = pd.DataFrame(lines, columns=columns).assign(p_corrected=lambda x: holm(x["p"].tolist()))
    return table.sort_values("accuracy", kind="stable", ignore_index=True)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Correct p-values for how many there are, by Holm's step-down method (1979).

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = steps.clip(max=1)
    return corrected
