"""Objectives: what the architecture parameters minimise beside the cross-entropy.

An objective may act in two ways. It weights two gradients: with w_ce and w_latency,
dL/dp = w_ce * dCE/dp + w_latency * F, of which an algorithm samples what it samples. And it may
move alpha itself after every step: latency is known without computing a single candidate, so what
depends on it alone needs no sampling.
"""

from collections.abc import Callable

from nas.choices.candidate_costs import Latencies
from nas.objectives.penalties import AddLinear, MulLog
from nas.objectives.protocol import CrossEntropy, Objective
from nas.objectives.target_latency import TargetLatency

# From latencies, the target, the architecture steps of a search and the optimizer's step size.
OBJECTIVES: dict[str, Callable[[Latencies, float, int, float], Objective]] = {
    "target": TargetLatency,
    "add_linear": lambda latencies, target, steps, size: AddLinear(target),
    "mul_log": lambda latencies, target, steps, size: MulLog(latencies, target),
}

__all__ = ["OBJECTIVES", "CrossEntropy", "Objective", "check_name"]


def check_name(name: str) -> None:
    """Raises ValueError, listing the known ones, for an objective there is not."""
    if name not in OBJECTIVES:
        known = ", ".join(OBJECTIVES)
        raise ValueError(f"objective: expected one of {known}; received {name!r}")
