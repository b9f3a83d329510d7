"""Kendall's tau between scores and accuracies, with an interval from a bootstrap over networks.

Networks are drawn with replacement, as many as there are, and tau-b is computed again; the interval
holds the middle 95 % of these values (percentile bootstrap, Efron & Tibshirani 1993, chapter 13). A
network that was drawn twice is tied with itself on both sides, which tau-b leaves out. Scores are
compared on the same draws, since all use one seed.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
_SEED = 0


class Agreement(NamedTuple):
    """Kendall's tau-b and the ends of its interval.

    Attributes:
        tau: from -1 to 1; None if one side is the same for all networks.
        low: lower end; None if tau is, or if too few draws have a tau.
        high: upper end, likewise.
    """

    tau: float | None
    low: float | None = None
    high: float | None = None


def of_scores(scores: npt.ArrayLike, accuracies: npt.ArrayLike, draws: int) -> Agreement:
    """Compares scores, of which larger ones are better, with accuracies.

    Args:
        scores: `[networks]`.
        accuracies: `[networks]`.
        draws: number of draws for the interval.
    """
    both = np.array([scores, accuracies], np.float64)
    return _bootstrapped(lambda drawn: _tau(*both[:, drawn]), both.shape[1], draws)


def of_repeats(repeats: Sequence[Sequence[float | None]], draws: int) -> Agreement:
    """Compares repeated trainings with each other: the mean of tau over all pairs of repeats.

    Args:
        repeats: for every repeat the accuracies of all networks; None where one is missing.
        draws: number of draws for the interval.
    """
    table = np.array(repeats, np.float64)
    pairs = [(a, b) for b in range(len(table)) for a in range(b)]

    def mean_tau(drawn: np.ndarray) -> float:
        taus = []
        for a, b in pairs:
            both = table[[a, b]][:, drawn]
            taus.append(_tau(*both[:, np.isfinite(both).all(axis=0)]))
        known = [tau for tau in taus if math.isfinite(tau)]
        return float(np.mean(known)) if known else math.nan

    return _bootstrapped(mean_tau, table.shape[1], draws)


def _tau(one: np.ndarray, other: np.ndarray) -> float:
    """Returns tau-b; NaN if a side is constant."""
    if len(one) < 2 or np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        return math.nan
    # Imported here, since it takes half a second and `--help` does not need it.
    from scipy import stats

    return float(stats.kendalltau(one, other).statistic)


def _bootstrapped(statistic: Callable[[np.ndarray], float], count: int, draws: int) -> Agreement:
    tau = statistic(np.arange(count))
    if not math.isfinite(tau):
        return Agreement(None)
    rng = np.random.default_rng(_SEED)
    found = np.array([statistic(rng.integers(0, count, count)) for _ in range(draws)])
    # Three networks are often three times the same one, which has no order.
    found = found[np.isfinite(found)]
    if not len(found):
        return Agreement(tau)
    rest = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(found, [rest, 100.0 - rest])
    return Agreement(tau, float(low), float(high))
