"""A correction from the times of parts alone to the latency of the network, equal for all parts.

    latency = scale * sum of parts + per_part_ms * number of parts
              + per_streamed_weight_ms * streamed weights,  scale, per_streamed_weight_ms >= 0

The fit minimises the sum of squared *relative* errors over whole networks, so a fast network counts
as much as a slow one. A part timed alone keeps its weights in the cache (so scale is above 1) and
pays for its own invocation (so `per_part_ms` is below 0). Streamed weights, for a model that counts
them, are too many for the cache, so a network reads them from memory every time. A constant in
place of `per_part_ms` works as well if all networks have the same number of parts. Its error is up
to twice as large if skips make some networks short.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from scipy import optimize


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Correction:
    """A correction that is linear in the parts, so that a network's latency stays a sum."""

    scale: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    per_part_ms: Annotated[float, Field(allow_inf_nan=False)]
    per_streamed_weight_ms: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0

    def part_ms(self, alone_ms: float, streamed_weights: float = 0.0) -> float:
        """Milliseconds that a part with time `alone_ms` adds to a network, at least 0.

        A negative latency of a very small part would reward a search for choosing it.
        """
        return max(self.sum_ms(alone_ms, 1, streamed_weights), 0.0)

    def sum_ms(self, alone_ms: float, num_parts: int, streamed_weights: float) -> float:
        """The latency of `num_parts` parts together.

        Args:
            alone_ms: sum of the parts' times alone.
            num_parts: number of parts.
            streamed_weights: number of streamed weights in all parts.
        """
        streamed_ms = self.per_streamed_weight_ms * streamed_weights
        return self.scale * alone_ms + self.per_part_ms * num_parts + streamed_ms


def fit(
    sums_ms: np.ndarray,
    num_parts: np.ndarray,
    measured_ms: np.ndarray,
    streamed_weights: np.ndarray | None = None,
) -> Correction:
    """Fits the correction to whole networks.

    Args:
        sums_ms: for each network, the sum of its parts' times.
        num_parts: for each network, the number of its parts.
        measured_ms: for each network, its latency; positive.
        streamed_weights: for each network, the number of streamed weights; none by default.
    """
    columns, least = [sums_ms, num_parts], [0.0, -np.inf]
    if streamed_weights is not None and streamed_weights.any():
        columns.append(streamed_weights)
        least.append(0.0)
    design = np.stack(columns, axis=1) / measured_ms[:, None]
    # Weights are millions and parts are tens, but the solver expects columns of similar size.
    unit = np.linalg.norm(design, axis=0)
    unit[unit == 0.0] = 1.0
    solution = optimize.lsq_linear(design / unit, np.ones(len(measured_ms)), bounds=(least, np.inf))
    return Correction(*map(float, solution.x / unit))
