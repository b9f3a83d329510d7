"""Where a found network stands among drawn ones: its regret and its percentile.

The best of many noisy means is larger than the best true accuracy, because it was often lucky
(selection bias, "winner's curse"). So the accuracies of the drawn networks are not compared as they
were measured, but as what is known of the true ones. With the noise s, the spread t, the centre m
of the true accuracies, and the n_i trainings of network i with mean m_i (`noise.py`), the true
accuracy is

    mu_i ~ N(m + w_i (m_i - m), w_i s^2 / n_i)      w_i = t^2 / (t^2 + s^2 / n_i)

(empirical Bayes, Morris 1983). The found network was not drawn with the others, so it is not moved
towards their centre: mu ~ N(mean of its n trainings, s^2 / n). In each of many draws

    regret = max_i mu_i - mu        percentile = 100 * the part of the drawn networks with mu_i < mu

and their means and middle 95 % are reported. s, t and m are estimates themselves, so every draw has
its own. With d degrees of freedom of the noise, and N drawn networks whose means have the variance
S^2,

    s^2 ~ d s^2 / chi2(d)        T^2 ~ (N - 1) S^2 / chi2(N - 1)        m ~ N(mean of m_i, T^2 / N)

as for normal samples without other knowledge (Gelman et al. 2013, section 3.2), and t^2 is T^2 less
the mean of s^2 / n_i, or 0.

If the found network is one of the drawn ones, it takes part in the maximum, and its regret is never
negative; otherwise a negative regret says that it is better than all of them.
"""

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
) -> Standing:
    """Compares a network with the drawn ones.

    Args:
        found: accuracies of its trainings.
        others: those of each drawn network, without the found one; two networks or more.
        is_drawn: whether the found network is one of the drawn ones.
        noise: standard deviation of one training; None if it is not known.
    """
    mean = statistics.fmean(found)
    means = np.array([statistics.fmean(own) for own in others])
    best = max(means.max(), mean) if is_drawn else means.max()
    below = np.mean(means < mean) + 0.5 * np.mean(means == mean)
    told = Standing(mean, float(best - mean), 100.0 * float(below))
    if noise is None:
        return told
    rng = np.random.default_rng(_SEED)
    variances = noise.deviation**2 * noise.degrees / rng.chisquare(noise.degrees, [_DRAWS, 1])
    own = rng.normal(mean, np.sqrt(variances[:, 0] / len(found)))
    drawn = _drawn(means, variances / [len(one) for one in others], rng)
    most = drawn.max(axis=1)
    regret = (np.maximum(most, own) if is_drawn else most) - own
    worse = 100.0 * (drawn < own[:, None]).mean(axis=1)
    return told._replace(regret=_estimate(regret), percentile=_estimate(worse))


def _drawn(means: np.ndarray, variances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws the true accuracies of networks, each with a centre and a spread of its own draw.

    Args:
        means: `[networks]`.
        variances: `[draws, networks]` of the noise of the means.
        rng: draws.
    """
    draws, count = variances.shape
    freedom = count - 1
    totals = means.var(ddof=1) * freedom / rng.chisquare(freedom, [draws, 1])
    centres = rng.normal(means.mean(), np.sqrt(totals / count))
    spreads = np.sqrt(np.maximum(0.0, totals - variances.mean(axis=1, keepdims=True)))
    return true_accuracies(means, variances, centres, spreads, rng)


def true_accuracies(
    means: np.ndarray,
    variances: np.ndarray,
    centres: np.ndarray,
    spreads: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draws true accuracies `[draws, networks]`.

    Args:
        means: `[networks]`.
        variances: `[draws, networks]` of the noise of the means.
        centres: `[draws, 1]`, the centre of all true accuracies.
        spreads: `[draws, 1]`, their standard deviation.
        rng: draws.
    """
    total = spreads**2 + variances
    weights = np.divide(spreads**2, total, out=np.ones_like(total), where=total > 0.0)
    return rng.normal(centres + weights * (means - centres), np.sqrt(weights * variances))


def _estimate(values: np.ndarray) -> Estimate:
    rest = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(values, [rest, 100.0 - rest])
    return Estimate(float(values.mean()), float(low), float(high))
