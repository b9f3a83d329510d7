"""From the parts of a network, each timed alone, to the latency of the whole: all parts alike.

    latency = scale * sum of parts + per_part_ms * number of parts
              + per_streamed_weight_ms * streamed weights,  scale, per_streamed_weight_ms >= 0

least squares of the *relative* error over whole networks, so that a fast network counts as much as
a slow one. A part timed alone keeps its weights in the cache (scale above 1) and pays for an
invocation of its own (`per_part_ms` below 0). Streamed weights, for a model that counts them, fill
a cache part by part, so that a network reads them from afar every time. A constant in place of
`per_part_ms` does as well where networks have equally many parts, and is up to twice as far off
where skips make some short.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from scipy import optimize


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Correction:
    """Linear in the parts: a child's latency stays one number a slot and a constant."""

    scale: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    per_part_ms: Annotated[float, Field(allow_inf_nan=False)]
    per_streamed_weight_ms: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0

    def part_ms(self, alone_ms: float, streamed_weights: float = 0.0) -> float:
        """What a part that takes `alone_ms` by itself adds to a network; never less than nothing.

        Otherwise a search would be rewarded for computing a part so small.
        """
        return max(self.sum_ms(alone_ms, 1, streamed_weights), 0.0)

    def sum_ms(self, alone_ms: float, num_parts: int, streamed_weights: float) -> float:
        """The latency of `num_parts` parts together.

        Args:
            alone_ms: sum of what they take by themselves.
            num_parts: how many they are.
            streamed_weights: how many of these they have.
        """
        streamed_ms = self.per_streamed_weight_ms * streamed_weights
        return self.scale * alone_ms + self.per_part_ms * num_parts + streamed_ms


def fit(
    sums_ms: np.ndarray,
    num_parts: np.ndarray,
    measured_ms: np.ndarray,
    streamed_weights: np.ndarray | None = None,
) -> Correction:
    """The correction that fits whole networks best.

    Args:
        sums_ms: for each network, the sum of its parts.
        num_parts: for each network, how many they are.
        measured_ms: for each network, its latency; positive.
        streamed_weights: for each network, how many; none by default.
    """
    columns, least = [sums_ms, num_parts], [0.0, -np.inf]
    if streamed_weights is not None and streamed_weights.any():
        columns.append(streamed_weights)
        least.append(0.0)
    design = np.stack(columns, axis=1) / measured_ms[:, None]
    # Weights are millions, parts are tens; a solver's tolerances are for numbers alike.
    unit = np.linalg.norm(design, axis=0)
    unit[unit == 0.0] = 1.0
    solution = optimize.lsq_linear(design / unit, np.ones(len(measured_ms)), bounds=(least, np.inf))
    return Correction(*map(float, solution.x / unit))
