"""A correction from the times of parts alone to the latency of the network, equal for all parts.

    latency = scale * sum of parts + per_part_ms * number of parts
              + per_streamed_weight_ms * streamed weights
              + per_weight_ms * other weights + per_network_ms,
    all but per_part_ms >= 0

The fit minimises the sum of squared *relative* errors over whole networks, so a fast network counts
as much as a slow one. A part timed alone keeps its weights in the cache (so scale is above 1) and
pays for its own invocation (so `per_part_ms` is below 0). Streamed weights, for a model that counts
them, are too many for the cache, so a network reads them from memory every time. A constant in
place of `per_part_ms` works as well if all networks have the same number of parts. Its error is up
to twice as large if skips make some networks short.

The last two are optional, for networks that differ much in size. The other weights come from a
farther cache in a network than in a part alone. And a network pays for one invocation, where
`per_part_ms` takes back that of every part; the first part, the stem, counts it.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Correction:
    """A correction that is linear in the parts, so that a network's latency stays a sum."""

    scale: NonNegative
    per_part_ms: Annotated[float, Field(allow_inf_nan=False)]
    per_streamed_weight_ms: NonNegative = 0.0
    per_weight_ms: NonNegative = 0.0
    per_network_ms: NonNegative = 0.0

    def part_ms(
        self,
        alone_ms: float,
        streamed_weights: float = 0.0,
        weights: float = 0.0,
        is_first: bool = False,
    ) -> float:
        """Milliseconds that a part with time `alone_ms` adds to a network, at least 0.

        A negative latency of a very small part would reward a search for choosing it.
        """
        return max(self.sum_ms(alone_ms, 1, streamed_weights, weights, is_first), 0.0)

    def sum_ms(
        self,
        alone_ms: float,
        num_parts: int,
        streamed_weights: float = 0.0,
        weights: float = 0.0,
        is_network: bool = True,
    ) -> float:
        """The latency of `num_parts` parts together.

        Args:
            alone_ms: sum of the parts' times alone.
            num_parts: number of parts.
            streamed_weights: number of streamed weights in all parts.
            weights: number of other weights in all parts.
            is_network: whether they include the first part of a network.
        """
        streamed_ms = self.per_streamed_weight_ms * streamed_weights
        other_ms = self.per_weight_ms * weights + self.per_network_ms * is_network
        return self.scale * alone_ms + self.per_part_ms * num_parts + streamed_ms + other_ms


def fit(
    sums_ms: np.ndarray,
    num_parts: np.ndarray,
    measured_ms: np.ndarray,
    streamed_weights: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Correction:
    """Fits the correction to whole networks.

    Args:
        sums_ms: for each network, the sum of its parts' times.
        num_parts: for each network, the number of its parts.
        measured_ms: for each network, its latency; positive.
        streamed_weights: for each network, the number of streamed weights; none by default.
        weights: for each network, the number of other weights. If given, `per_weight_ms` and
            `per_network_ms` are fitted too; else they are 0.
    """
    columns, names = [sums_ms, num_parts], ["scale", "per_part_ms"]
    if streamed_weights is not None and streamed_weights.any():
        columns.append(streamed_weights)
        names.append("per_streamed_weight_ms")
    if weights is not None:
        columns += [weights, np.ones(len(measured_ms))]
        names += ["per_weight_ms", "per_network_ms"]
    least = [-np.inf if name == "per_part_ms" else 0.0 for name in names]
    design = np.stack(columns, axis=1) / measured_ms[:, None]
    # Weights are millions and parts are tens, but the solver expects columns of similar size.
    unit = np.linalg.norm(design, axis=0)
    unit[unit == 0.0] = 1.0
    # Imported here, since it takes half a second and `--help` does not need it.
    from scipy import optimize

    solution = optimize.lsq_linear(design / unit, np.ones(len(measured_ms)), bounds=(least, np.inf))
    # The solver may stop a rounding error below a bound.
    found = np.maximum(solution.x, least) / unit
    return Correction(**dict(zip(names, map(float, found), strict=True)))
