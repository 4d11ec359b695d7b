"""Selective classification: what it buys to answer only where a model is sure.

Coverage is the share of the faces that are answered, risk the share of those that are answered
wrongly (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017).
"""

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

RESAMPLES = 499
"""Samples of the bootstrap: enough for two digits of a 95% interval."""


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """Return risk and coverage at every threshold that tells faces apart.

    Args:
        confidence: float `[N]`, of the emotions named.
        right: bool `[N]`, whether they are right.

    Returns:
        By falling `threshold`: how many faces are `answered`, those of at least this confidence,
        how many of them `wrong`, and the shares `coverage` and `risk`.
    """
    threshold, answered, wrong = _steps(confidence, right)
    return pd.DataFrame(
        {
            "threshold": threshold,
            "answered": answered,
            "wrong": wrong,
            "coverage": answered / len(confidence),
            "risk": wrong / answered,
        }
    )


def area_under_risk(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the area under the curve of risk against coverage (AURC): its mean risk, 0 at best.

    Faces of equal confidence are answered together, so that no order of theirs is preferred.
    """
    return _area(_ranks(confidence), right)


def area_interval(confidence: np.ndarray, right: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the 95% interval of `area_under_risk`, by bootstrap over the faces (percentiles).

    One face has none: both ends are NaN.
    """
    if len(confidence) < 2:
        return np.nan, np.nan
    result = bootstrap(
        (_ranks(confidence), right),  # sorted once, and not once a sample
        _area,
        paired=True,
        vectorized=False,
        n_resamples=RESAMPLES,
        batch=1,  # all at once take 500 times the memory
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def at_threshold(confidence: np.ndarray, right: np.ndarray, threshold: float) -> tuple[int, int]:
    """Return how many faces are answered at a threshold, and how many of those rightly."""
    answered = confidence >= threshold
    return int(answered.sum()), int(right[answered].sum())


def threshold_for(confidence: np.ndarray, right: np.ndarray, wanted: float) -> float | None:
    """Return the lowest threshold at which so large a share of the predictions is right.

    Args:
        wanted: the share, 0 to 1.

    Returns:
        `None` where no threshold reaches it.
    """
    threshold, answered, wrong = _steps(confidence, right)
    enough = np.flatnonzero(answered - wrong >= wanted * answered)
    return float(threshold[enough[-1]]) if len(enough) else None


def _ranks(confidence: np.ndarray) -> np.ndarray:
    """Return each face's rank by falling confidence, from 0; equal ones share theirs."""
    return np.unique(-confidence, return_inverse=True)[1]


def _area(ranks: np.ndarray, right: np.ndarray) -> float:
    """Return `area_under_risk` by the faces' ranks, some of which a sample may lack."""
    faces = np.bincount(ranks)
    wrong = np.bincount(ranks, weights=~right.astype(bool))
    return float(faces @ (wrong.cumsum() / np.maximum(faces.cumsum(), 1)) / len(ranks))


def _steps(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each distinct confidence, falling, with the faces answered and wrong from there on."""
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    last = np.flatnonzero(np.diff(sorted_confidence, append=-1))
    return sorted_confidence[last], last + 1, np.cumsum(~right[order].astype(bool))[last]
