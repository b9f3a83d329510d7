"""Where a found network stands among drawn ones: its regret and its percentile.

The best of many noisy means is larger than the best true accuracy, because it was often lucky
(selection bias, "winner's curse"). So the accuracies of the drawn networks are not compared as they
were measured, but as what is known of the true ones. With the noise s, the spread t and the n_i
trainings of network i with mean m_i (`noise.py`), and m the mean of all m_i, the true accuracy is

    mu_i ~ N(m + w_i (m_i - m), w_i s^2 / n_i)      w_i = t^2 / (t^2 + s^2 / n_i)

(parametric empirical Bayes, Morris 1983). The found network was not drawn with the others, so it is
not moved towards their mean: mu ~ N(mean of its trainings, s^2 / n). In each of many draws

    regret = max_i mu_i - mu        percentile = 100 * the part of the drawn networks with mu_i < mu

and their means and middle 95 % are reported. If the found network is one of the drawn ones, it
takes part in the maximum, and its regret is never negative; otherwise a negative regret says that
it is better than all of them. The noise and the spread count as known, so with few networks or
repeats the intervals are somewhat too narrow.
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tools.experiments.truth.agreement import CONFIDENCE
from tools.experiments.truth.noise import Noise

_DRAWS = 10_000
_SEED = 0


class Estimate(NamedTuple):
    """A value and the ends of its interval."""

    value: float
    low: float
    high: float


class Standing(NamedTuple):
    """Where a network stands.

    Attributes:
        accuracy: mean of its trainings, in [0, 1].
        observed_regret: difference from the best mean as it was measured, which is biased upwards.
        observed_percentile: per cent of the drawn networks with a smaller mean; equal ones count
            half.
        regret: difference from the best true accuracy, in the unit of the accuracies; None if the
            noise is not known.
        percentile: per cent of the drawn networks that are worse, likewise.
    """

    accuracy: float
    observed_regret: float
    observed_percentile: float
    regret: Estimate | None = None
    percentile: Estimate | None = None


def standing(
    found: Sequence[float],
    others: Sequence[Sequence[float]],
    is_drawn: bool,
    noise: Noise | None,
    spread: float | None,
) -> Standing:
    """Compares a network with the drawn ones.

    Args:
        found: accuracies of its trainings.
        others: those of each drawn network, without the found one.
        is_drawn: whether the found network is one of the drawn ones.
        noise: standard deviation of one training; None if it is not known.
        spread: standard deviation of the true accuracies of drawn networks; None likewise.
    """
    mean = statistics.fmean(found)
    means = np.array([statistics.fmean(own) for own in others])
    best = max(means.max(), mean) if is_drawn else means.max()
    below = np.mean(means < mean) + 0.5 * np.mean(means == mean)
    told = Standing(mean, float(best - mean), 100.0 * float(below))
    if noise is None or spread is None:
        return told
    rng = np.random.default_rng(_SEED)
    own = rng.normal(mean, noise.deviation / math.sqrt(len(found)), _DRAWS)
    drawn = _true_accuracies(means, np.array([len(one) for one in others]), noise, spread, rng)
    most = drawn.max(axis=1)
    regret = (np.maximum(most, own) if is_drawn else most) - own
    worse = 100.0 * (drawn < own[:, None]).mean(axis=1)
    return told._replace(regret=_estimate(regret), percentile=_estimate(worse))


def _true_accuracies(
    means: np.ndarray, counts: np.ndarray, noise: Noise, spread: float, rng: np.random.Generator
) -> np.ndarray:
    """Draws true accuracies `[draws, networks]` of networks with these means and trainings."""
    variances = noise.deviation**2 / counts
    total = spread**2 + variances
    weights = np.divide(spread**2, total, out=np.ones_like(total), where=total > 0.0)
    middle = means.mean() + weights * (means - means.mean())
    return rng.normal(middle, np.sqrt(weights * variances), (_DRAWS, len(means)))


def _estimate(values: np.ndarray) -> Estimate:
    rest = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(values, [rest, 100.0 - rest])
    return Estimate(float(values.mean()), float(low), float(high))
