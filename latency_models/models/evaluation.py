"""Scores that compare predicted with measured latencies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def scores(predicted_ms: npt.ArrayLike, measured_ms: npt.ArrayLike) -> dict[str, Any]:
    """Compares predictions with measurements, both in milliseconds.

    Returns:
        `count`; `mape`, the mean of |predicted - measured| / measured; `within_5` and `within_10`,
        the fractions with an error of at most 5 % and 10 %; `rmse_ms`; `kendall_tau` (tau-b), None
        if one side is constant; `bias`, the mean of predicted / measured - 1. All ratios are
        fractions, not percent.

    Raises:
        ValueError: the lengths differ, both are empty, or a measurement is not positive.
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
    # An error of exactly the limit counts as within it, despite rounding.
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
    """Scores predictions for held-out measurements, in the form that a latency model stores.

    Args:
        predicted_ms: predictions in milliseconds.
        measured_ms: measurements in milliseconds.
        method: how the measurements were held out, in words.

    Returns:
        `scores`, the `method`, and `points`: the pairs of predicted and measured milliseconds.
    """
    pairs = np.stack([np.asarray(predicted_ms, float), np.asarray(measured_ms, float)], axis=1)
    return {**scores(predicted_ms, measured_ms), "method": method, "points": pairs.tolist()}


def _kendall_tau(predicted: np.ndarray, measured: np.ndarray) -> float | None:
    if np.ptp(predicted) == 0.0 or np.ptp(measured) == 0.0:
        return None
    # Imported here, since it takes half a second and `--help` does not need it.
    from scipy import stats

    return float(stats.kendalltau(predicted, measured).statistic)
