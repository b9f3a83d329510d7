"""What a part adds to a whole network, learned from whole networks.

A part timed alone is off: its weights are cached, it pays for an invocation of its own, and what
runs before it matters. So each part's latency in a network is a parameter,

    measured network n = sum_p count_np * latency_p          (1 + noise),  noise ~ N(0, noise^2)
    latency_p = scale * alone_p + per_part + scale * alone_p * u_p,        u_p ~ N(0, spread^2)

a least-squares fit over all networks at once, drawn towards the corrected time alone
(`latency_models.models.correction`) where the networks say little about a part. `spread` and
`noise` are the most probable ones (empirical Bayes; MacKay, "Bayesian interpolation", 1992): where
the networks hold nothing but noise, `spread` becomes 0 and the correction alone remains. Candidates
that occur equally often in random networks are told apart with fewer networks than by exchanging
one candidate of a base network at a time: every network then says something about all its parts.
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

# Contexts that change a part's time by more than this are implausible (one standard deviation).
_PLAUSIBLE_SPREAD = 0.2
# Even exact data are taken to be uncertain by this, so that matrices stay invertible.
_LEAST_NOISE = 1e-4
_SPREADS = np.concatenate([[0.0], np.geomspace(1e-3, 1.0, 61)])
_NOISES = np.geomspace(1.0, 1e3, 61)


@dataclass(frozen=True, config=STRICT)
class Context:
    """How far whole networks were from their parts.

    Attributes:
        correction: of all parts alike.
        spread: relative standard deviation of single parts about it.
        noise: relative standard deviation of networks about the sum of their parts.
    """

    correction: Correction
    spread: NonNegative
    noise: NonNegative


@dataclasses.dataclass(frozen=True)
class Sample:
    """Networks and their parts.

    Attributes:
        alone_ms: `[parts]`, each part timed by itself.
        counts: `[networks, parts]`, how often a network has a part.
        measured_ms: `[networks]`.
        repeat_error: relative standard error of one network's measurement.
    """

    alone_ms: np.ndarray
    counts: np.ndarray
    measured_ms: np.ndarray
    repeat_error: float

    def without(self, network: int) -> Sample:
        """All networks but one."""
        kept = np.arange(len(self.measured_ms)) != network
        return dataclasses.replace(
            self, counts=self.counts[kept], measured_ms=self.measured_ms[kept]
        )


def fit(sample: Sample) -> tuple[Context, np.ndarray]:
    """The context, and what each part adds to a network in milliseconds; never below nothing."""
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
    """For each network, its latency by what all other networks give; everything is fitted anew."""
    fitted = [fit(sample.without(i))[1] for i in range(len(sample.measured_ms))]
    return np.array([row @ latencies for row, latencies in zip(sample.counts, fitted, strict=True)])


def _most_probable(
    kernel: np.ndarray, residual: np.ndarray, least_noise: float
) -> tuple[float, float]:
    """Spread and noise under which `residual` ~ N(0, spread^2 kernel + noise^2) is most probable.

    Noise is at least the measurements' own: networks that repeat badly cannot be explained better.
    """
    eigenvalues, vectors = np.linalg.eigh(kernel)
    squares = (vectors.T @ residual) ** 2
    spreads, noises = _SPREADS[:, None, None], least_noise * _NOISES[None, :, None]
    variances = spreads**2 * np.maximum(eigenvalues, 0.0) + noises**2
    evidence = -0.5 * (np.log(variances) + squares / variances).sum(axis=2)
    evidence -= 0.5 * (_SPREADS[:, None] / _PLAUSIBLE_SPREAD) ** 2
    i, j = np.unravel_index(int(evidence.argmax()), evidence.shape)
    return float(_SPREADS[i]), float(least_noise * _NOISES[j])
