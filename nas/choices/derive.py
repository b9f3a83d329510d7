"""Derives one child network from path probabilities."""

import math
from collections.abc import Sequence

import numpy as np

from nas.choices.candidate_costs import Latencies

# The child's latency is within this fraction of a target, or at most this fraction below a limit,
# if the space has such a child.
TARGET_BAND = 0.03

_BINS = 4000


def most_probable(probabilities: np.ndarray) -> tuple[int, ...]:
    """Returns the most probable candidate of every slot (the paper prunes redundant paths).

    Args:
        probabilities: `[slots, most candidates]`, NaN in the padding.

    Example:
        >>> import nas, numpy as np
        >>> probabilities = np.array([[0.7, 0.3, np.nan], [0.2, 0.3, 0.5]])
        >>> nas.most_probable(probabilities)
        (0, 2)
    """
    return tuple(int(choice) for choice in np.nanargmax(probabilities, axis=1))


def most_probable_within(
    probabilities: np.ndarray,
    latencies: Latencies,
    limit_ms: float,
    at_least_ms: float = 0.0,
) -> tuple[int, ...]:
    """Returns the most probable child whose latency is in `[at_least_ms, limit_ms]`.

    This is dynamic programming over the slots. Latencies and log probabilities add up, so among
    partial paths of (almost) equal latency only the most probable needs to be kept. "Almost" means
    one four-thousandth of the limit; the latencies themselves are exact, so the limit is never
    exceeded. If no child lies in the band, the lower bound is ignored.

    Args:
        probabilities: `[slots, most candidates]`, NaN in the padding.
        latencies: milliseconds of the same candidates.
        limit_ms: upper bound, never exceeded.
        at_least_ms: lower bound, so that the child makes use of the limit.

    Raises:
        ValueError: even the fastest child is slower than the limit.
    """
    latencies.check_target(min(limit_ms, latencies.slowest_ms))
    width = limit_ms / _BINS or 1.0
    # Latency bin -> (log probability, latency, choices) of the best partial path in it.
    partial_paths: dict[int, tuple[float, float, tuple[int, ...]]] = {
        0: (0.0, latencies.constant_ms, ())
    }
    fastest_rest = _fastest_rest(latencies.slots)
    for i, slot_ms in enumerate(latencies.slots):
        extended: dict[int, tuple[float, float, tuple[int, ...]]] = {}
        for log_p, spent, choices in partial_paths.values():
            for choice, ms in enumerate(slot_ms):
                total = spent + float(ms)
                if total + fastest_rest[i + 1] > limit_ms * (1 + 1e-12):
                    continue
                p = max(float(probabilities[i, choice]), 1e-30)
                state = (log_p + math.log(p), total, (*choices, choice))
                key = int(total / width)
                if key not in extended or state[0] > extended[key][0]:
                    extended[key] = state
        partial_paths = extended
    found = [state for state in partial_paths.values() if state[1] >= at_least_ms]
    return max(found or partial_paths.values())[2]


def most_probable_on(
    probabilities: np.ndarray, latencies: Latencies, target_ms: float
) -> tuple[int, ...]:
    """Returns the most probable child within `TARGET_BAND` of the target, above or below.

    A small space may have no child within 3 % of the target. Then the band is doubled until it has.

    Args:
        probabilities: `[slots, most candidates]`, NaN in the padding.
        latencies: milliseconds of the same candidates.
        target_ms: target latency, between those of the fastest and the slowest child.
    """
    likeliest = most_probable(probabilities)
    band = TARGET_BAND
    while True:
        least = target_ms * (1.0 - band)
        most = max(target_ms * (1.0 + band), latencies.fastest_ms)
        if least <= latencies.of(likeliest) <= most:
            return likeliest
        found = most_probable_within(probabilities, latencies, most, least)
        if latencies.of(found) >= least:
            return found
        band *= 2.0


def _fastest_rest(slots: Sequence[np.ndarray]) -> list[float]:
    rest = [0.0]
    for slot in reversed(slots):
        rest.append(rest[-1] + float(slot.min()))
    return rest[::-1]
