"""Uniform draws from the children of a space under a latency limit.

Drawing each decision independently and rejecting slow children would take very many draws if fast
children are rare. Instead, a sweep over the chain counts the completions of every partial network
by the latency that is left, and every decision is drawn in proportion to its number of completions.
For this the latencies above the fastest child are rounded down, so no child under the limit is
lost. The few drawn children above the limit are rejected, and the draws are exactly uniform.
"""

import dataclasses
import random
from collections.abc import Sequence

import numpy as np

from nas.choices import chain_sweep
from nas.choices.chain_costs import ChainCosts
from nas.choices.chain_sweep import Step

Choices = tuple[int, ...]

_BINS = 4000
_MOST_DRAWS = 100_000


class UniformChildren:
    """The children under a latency limit.

    Args:
        latencies: costs of the networks.
        limit_ms: latency limit; None allows every child.

    Attributes:
        counts: number of options of every row.

    Raises:
        ValueError: even the fastest child is slower than the limit.
    """

    def __init__(self, latencies: ChainCosts, limit_ms: float | None) -> None:
        if limit_ms is not None:
            latencies.check_target(min(limit_ms, latencies.slowest_ms))
        self.counts = latencies.counts
        self._latencies = latencies
        self._limit_ms = limit_ms
        starts, steps = chain_sweep.excess(latencies.steps)
        self._starts = self._bins(starts)
        self._steps = [dataclasses.replace(step, costs=self._bins(step.costs)) for step in steps]
        self._completions = _completions(self._steps)

    def _bins(self, excess_ms: np.ndarray) -> np.ndarray:
        """Returns latencies above the fastest child's, in bins, rounded down.

        One that exceeds the whole budget gets `_BINS + 1`.
        """
        if self._limit_ms is None:
            return np.zeros(excess_ms.shape, np.int64)
        # Slightly more, so that rounding errors cannot exclude a child that just fits.
        budget = self._limit_ms * (1.0 + 1e-9) - self._latencies.fastest_ms
        per_ms = _BINS / budget if budget else 0.0
        fits = excess_ms <= budget
        return np.where(fits, np.where(fits, excess_ms, 0.0) * per_ms, _BINS + 1).astype(np.int64)

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
        choices, resolution, width = [0] * len(self.counts), 0, 0
        starts = [
            _count(completions[0], _BINS - int(start))
            for completions, start in zip(self._completions[0], self._starts, strict=True)
        ]
        if self._latencies.resolution is not None:
            resolution = _draw_index(starts, rng)
            choices[self._latencies.resolution] = resolution
        left = _BINS - int(self._starts[resolution])
        for step, completions in zip(self._steps, self._completions[1:], strict=True):
            moves = step.moves(width)
            costs = [int(step.cost(resolution, j, width, b)) for j, b in moves]
            counts = [
                _count(completions[resolution][b], left - cost)
                for (_, b), cost in zip(moves, costs, strict=True)
            ]
            # A layer without a decision draws nothing.
            chosen = _draw_index(counts, rng) if step.decides else 0
            operation, after = moves[chosen]
            step.decide(choices, operation, after)
            width, left = after, left - costs[chosen]
        return tuple(choices)

    def draw_different(self, rng: random.Random, count: int) -> list[Choices]:
        """Draws up to `count` different children; fewer if hardly more exist."""
        found: dict[Choices, None] = {}
        for _ in range(100 * count):
            found[self.draw(rng)] = None
            if len(found) == count:
                break
        return list(found)


def _count(completions: np.ndarray, left: int) -> int:
    return int(completions[left]) if left >= 0 else 0


def _draw_index(counts: Sequence[int], rng: random.Random) -> int:
    """Draws an index with probability proportional to its count."""
    number, index = rng.randrange(sum(counts)), 0
    while number >= counts[index]:
        number -= counts[index]
        index += 1
    return index


def _completions(steps: Sequence[Step]) -> list[list[list[np.ndarray]]]:
    """Counts the ways to go on to the end, for each place, resolution, width and remaining budget.

    The counts are Python integers, since spaces of more than 2^63 children are common.
    """

    def transfer(step: Step, beyond: list[list[np.ndarray]]) -> list[list[np.ndarray]]:
        return [
            [_ways(step, r, a, of_width) for a in range(step.costs.shape[2])]
            for r, of_width in enumerate(beyond)
        ]

    end = [[np.ones(_BINS + 1, object)] for _ in range(len(steps[0].costs))]
    return chain_sweep.backward(steps, end, transfer)


def _ways(step: Step, r: int, a: int, beyond: Sequence[np.ndarray]) -> np.ndarray:
    ways = np.zeros(_BINS + 1, object)
    for j, b in step.moves(a):
        cost = int(step.cost(r, j, a, b))
        if cost <= _BINS:
            ways[cost:] += beyond[b][: _BINS + 1 - cost]
    return ways
