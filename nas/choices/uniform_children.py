"""Uniform draws from the children of a space under a latency limit.

Drawing each slot independently and rejecting slow children would take very many draws if fast
children are rare. Instead, dynamic programming over the latency above the fastest child counts the
completions of every partial path, and each slot's candidate is drawn in proportion to its number of
completions. For this the latencies are rounded down, so no child under the limit is lost. The few
drawn children above the limit are rejected, and the draws are exactly uniform.
"""

import random
from collections.abc import Sequence

import numpy as np

from nas.choices.candidate_costs import Latencies

Choices = tuple[int, ...]

_BINS = 4000
_MOST_DRAWS = 100_000


class UniformChildren:
    """The children under a latency limit.

    Args:
        latencies: latencies of all candidates.
        limit_ms: latency limit; None allows every child.

    Raises:
        ValueError: even the fastest child is slower than the limit.
    """

    def __init__(self, latencies: Latencies, limit_ms: float | None) -> None:
        if limit_ms is not None:
            latencies.check_target(min(limit_ms, latencies.slowest_ms))
        self.num_candidates = [len(slot) for slot in latencies.slots]
        self._latencies = latencies
        self._limit_ms = limit_ms
        self._costs = [self._bins(slot) for slot in latencies.slots]
        self._completions = _completions(self._costs)

    def _bins(self, slot_ms: np.ndarray) -> list[int]:
        """Returns each candidate's excess over the slot's fastest one, in bins, rounded down.

        A candidate that exceeds the whole budget gets `_BINS + 1`.
        """
        if self._limit_ms is None:
            return [0] * len(slot_ms)
        # Slightly more, so that rounding errors cannot exclude a child that just fits.
        budget = self._limit_ms * (1.0 + 1e-9) - self._latencies.fastest_ms
        per_ms = _BINS / budget if budget else 0.0
        excess = slot_ms - slot_ms.min()
        return [int(e * per_ms) if e <= budget else _BINS + 1 for e in excess]

    def cost(self, choices: Sequence[int]) -> float:
        """Returns the predicted latency of a child, in the unit of the limit."""
        return self._latencies.of(choices)

    def allows(self, choices: Sequence[int]) -> bool:
        """Returns whether a child is within the limit."""
        return self._limit_ms is None or self._latencies.of(choices) <= self._limit_ms

    def draw(self, rng: random.Random) -> Choices:
        """Draws one of the allowed children, all with equal probability.

        Raises:
            ValueError: none was found in very many draws. This happens if almost all children near
                the limit exceed it by less than a bin.
        """
        for _ in range(_MOST_DRAWS):
            choices = self._draw_by_bins(rng)
            if self.allows(choices):
                return choices
        raise ValueError(
            f"target: expected children under {self._limit_ms} {self._latencies.unit} that can be "
            f"drawn, found none in {_MOST_DRAWS:,} draws; choose a larger target"
        )

    def _draw_by_bins(self, rng: random.Random) -> Choices:
        left, choices = _BINS, []
        for costs, completions in zip(self._costs, self._completions[1:], strict=True):
            counts = [int(completions[left - cost]) if cost <= left else 0 for cost in costs]
            number = rng.randrange(sum(counts))
            choice = 0
            while number >= counts[choice]:
                number -= counts[choice]
                choice += 1
            choices.append(choice)
            left -= costs[choice]
        return tuple(choices)

    def draw_different(self, rng: random.Random, count: int) -> list[Choices]:
        """Draws up to `count` different children; fewer if hardly more exist."""
        found: dict[Choices, None] = {}
        for _ in range(100 * count):
            found[self.draw(rng)] = None
            if len(found) == count:
                break
        return list(found)


def _completions(costs: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Counts, for each slot and each remaining budget, the ways to fill the remaining slots.

    The counts are Python integers, since spaces of more than 2^63 children are common.
    """
    counts = [np.ones(_BINS + 1, object)]
    for slot in reversed(costs):
        ways = np.zeros(_BINS + 1, object)
        for cost in slot:
            if cost <= _BINS:
                ways[cost:] += counts[-1][: _BINS + 1 - cost]
        counts.append(ways)
    return counts[::-1]
