"""Objectives: how the architecture parameters pursue a target beside the cross-entropy.

An objective may act in two ways. It weights two gradients: with w_ce and w_latency,
dL/dp = w_ce * dCE/dp + w_latency * F, which an algorithm estimates by sampling. And it may change
alpha itself after every step: latency is known without computing any candidate, so a term that
depends only on latency needs no sampling.
"""

from collections.abc import Callable, Sequence

from nas import known_names
from nas.choices.chain_costs import ChainCosts
from nas.objectives.penalties import AddLinear, MulLog
from nas.objectives.protocol import CrossEntropy, Objective
from nas.objectives.target_latency import TargetLatency

# Each is called with the costs of the networks, the target, the number of architecture steps in the
# search (as for `run_length.at`) and the optimizer's step size.
OBJECTIVES: dict[str, Callable[[ChainCosts, float, int | Sequence[int], float], Objective]] = {
    "target": TargetLatency,
    "add_linear": lambda latencies, target, steps, size: AddLinear(target),
    "mul_log": lambda latencies, target, steps, size: MulLog(latencies, target),
}

__all__ = ["OBJECTIVES", "CrossEntropy", "Objective", "check_name"]


def check_name(name: str) -> None:
    """Raises ValueError for an unknown objective; the message lists the known ones."""
    known_names.check("objective", name, OBJECTIVES)
