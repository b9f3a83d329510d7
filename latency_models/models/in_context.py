"""Learns how much latency each part adds to a whole network, from measured whole networks.

The time of a part alone differs from what it adds to a network: alone, its weights stay in the
cache and it pays for its own invocation, and in a network the operations before it matter. So each
part's latency in a network is a parameter,

    measured network n = sum_p count_np * latency_p          (1 + noise),  noise ~ N(0, noise^2)
    latency_p = scale * alone_p + per_part + scale * alone_p * u_p,        u_p ~ N(0, spread^2)

This is a least-squares fit over all networks at once. If the networks say little about a part, the
fit stays near the part's corrected time alone (`latency_models.models.correction`). `spread` and
`noise` are the most probable ones (empirical Bayes; MacKay, "Bayesian interpolation", 1992). If the
networks show only noise, `spread` becomes 0 and the correction alone remains. Random networks need
fewer measurements than exchanging one candidate of a base network at a time, since every network
says something about all its parts.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from latency_models.models import correction
from latency_models.models.correction import Correction
from nas.architecture.operations import STRICT

NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]

# One standard deviation of the prior for `spread`; contexts rarely change a part's time by more.
_PLAUSIBLE_SPREAD = 0.2
# Smallest noise, even for exact data, so that matrices stay invertible.
_LEAST_NOISE = 1e-4
_SPREADS = np.concatenate([[0.0], np.geomspace(1e-3, 1.0, 61)])
_NOISES = np.geomspace(1.0, 1e3, 61)


@dataclass(frozen=True, config=STRICT)
class Context:
    """How the latency of whole networks differs from the times of their parts alone.

    Attributes:
        correction: the correction that all parts share.
        spread: relative standard deviation of single parts around the correction.
        noise: relative standard deviation of networks around the sum of their parts.
    """

    correction: Correction
    spread: NonNegative
    noise: NonNegative


@dataclasses.dataclass(frozen=True)
class Sample:
    """Measured networks and their parts.

    Attributes:
        alone_ms: `[parts]`, the time of each part alone.
        counts: `[networks, parts]`, how often each network has each part.
        measured_ms: `[networks]`, the measured latencies.
        repeat_error: relative standard error of one network's measurement.
    """

    alone_ms: np.ndarray
    counts: np.ndarray
    measured_ms: np.ndarray
    repeat_error: float

    def without(self, network: int) -> Sample:
        """All networks except one."""
        kept = np.arange(len(self.measured_ms)) != network
        return dataclasses.replace(
            self, counts=self.counts[kept], measured_ms=self.measured_ms[kept]
        )


def fit(sample: Sample) -> tuple[Context, np.ndarray]:
    """Returns the context, and the milliseconds that each part adds to a network, at least 0."""
    alone, counts, measured = sample.alone_ms, sample.counts, sample.measured_ms
    learned = correction.fit(counts @ alone, counts.sum(axis=1), measured)
    prior = np.array([learned.part_ms(latency) for latency in alone])
    unit = learned.scale * alone
    design = counts * unit / measured[:, None]
    residual = 1.0 - counts @ prior / measured
    kernel = design @ design.T
    spread, noise = _most_probable(kernel, residual, max(sample.repeat_error, _LEAST_NOISE))
    covariance = spread**2 * kernel + noise**2 * np.eye(len(measured))
    shift = spread**2 * design.T @ np.linalg.solve(covariance, residual)
    return Context(learned, spread, noise), np.maximum(prior + unit * shift, 0.0)


def held_out(sample: Sample) -> np.ndarray:
    """Predicts each network after a fit to all other networks."""
    fitted = [fit(sample.without(i))[1] for i in range(len(sample.measured_ms))]
    return np.array([row @ latencies for row, latencies in zip(sample.counts, fitted, strict=True)])


def _most_probable(
    kernel: np.ndarray, residual: np.ndarray, least_noise: float
) -> tuple[float, float]:
    """Spread and noise under which `residual` ~ N(0, spread^2 kernel + noise^2) is most probable.

    The noise is at least the measurements' repeat error, since no model can explain that part.
    """
    eigenvalues, vectors = np.linalg.eigh(kernel)
    squares = (vectors.T @ residual) ** 2
    spreads, noises = _SPREADS[:, None, None], least_noise * _NOISES[None, :, None]
    variances = spreads**2 * np.maximum(eigenvalues, 0.0) + noises**2
    evidence = -0.5 * (np.log(variances) + squares / variances).sum(axis=2)
    evidence -= 0.5 * (_SPREADS[:, None] / _PLAUSIBLE_SPREAD) ** 2
    i, j = np.unravel_index(int(evidence.argmax()), evidence.shape)
    return float(_SPREADS[i]), float(least_noise * _NOISES[j])
