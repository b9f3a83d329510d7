"""How good predicted latencies are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats


def scores(predicted_ms: npt.ArrayLike, measured_ms: npt.ArrayLike) -> dict[str, Any]:
    """Compares predictions with measurements, both in milliseconds.

    Returns:
        `count`; `mape`, the mean of |predicted - measured| / measured; `within_5` and `within_10`,
        the fractions whose error is at most 5 % and 10 %; `rmse_ms`; `kendall_tau` (tau-b), None
        where one side is constant; `bias`, the mean of predicted / measured, less 1. Fractions,
        not percent.

    Raises:
        ValueError: the lengths differ, there is nothing to compare, or a measurement is not
            positive.
    """
    predicted, measured = np.asarray(predicted_ms, float), np.asarray(measured_ms, float)
    if predicted.shape != measured.shape or predicted.ndim != 1 or not predicted.size:
        raise ValueError(
            "expected as many predictions as measurements, at least one; received "
            f"{predicted.shape} and {measured.shape}"
        )
    if not (measured > 0).all():
        raise ValueError(f"expected positive measurements, received {measured.min()} ms")
    errors = predicted / measured - 1.0
    # A prediction off by exactly the limit counts as within it, whatever the rounding.
    magnitude = np.abs(errors) - 1e-12
    return {
        "count": int(predicted.size),
        "mape": float(np.abs(errors).mean()),
        "within_5": float((magnitude <= 0.05).mean()),
        "within_10": float((magnitude <= 0.10).mean()),
        "rmse_ms": float(np.sqrt(((predicted - measured) ** 2).mean())),
        "kendall_tau": _kendall_tau(predicted, measured),
        "bias": float(errors.mean()),
    }


def held_out(
    predicted_ms: npt.ArrayLike, measured_ms: npt.ArrayLike, method: str
) -> dict[str, Any]:
    """Scores of predictions of what was not used in fitting, as a latency model stores them.

    Args:
        predicted_ms: milliseconds.
        measured_ms: milliseconds.
        method: how they were held out.

    Returns:
        `scores`, the `method`, and `points`: the pairs of predicted and measured milliseconds.
    """
    pairs = np.stack([np.asarray(predicted_ms, float), np.asarray(measured_ms, float)], axis=1)
    return {**scores(predicted_ms, measured_ms), "method": method, "points": pairs.tolist()}


def _kendall_tau(predicted: np.ndarray, measured: np.ndarray) -> float | None:
    if np.ptp(predicted) == 0.0 or np.ptp(measured) == 0.0:
        return None
    return float(stats.kendalltau(predicted, measured).statistic)
