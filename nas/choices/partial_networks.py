"""The most probable networks in a range of latency, by dynamic programming.

Latencies and log probabilities add up, so among partial networks that end in the same width and
have (almost) equal latency only the most probable needs to be kept. "Almost" means one bin of
latency; the latencies that are kept are exact.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nas.choices import chain_sweep
from nas.choices.chain_costs import ChainCosts
from nas.choices.chain_sweep import Step

_BINS = 4000
_LEAST_PROBABILITY = 1e-30


class Partial(NamedTuple):
    """Partial networks that end in one width, at one resolution.

    Attributes:
        log_p: `[networks]`, log probability of what is decided.
        spent_ms: `[networks]`, latency of the layers so far.
        parent: `[networks]`, index among those of the width before.
        before: `[networks]`, width before the last step.
        operation: `[networks]`, operation of the last step.
    """

    log_p: np.ndarray
    spent_ms: np.ndarray
    parent: np.ndarray
    before: np.ndarray
    operation: np.ndarray


# Costs beside the latency, each with what one unit of it adds to a network's log probability.
Worth = Sequence[tuple[ChainCosts, float]]
# For every resolution and every width.
State = list[list[Partial]]


def most_probable_in(
    probabilities: np.ndarray,
    latencies: ChainCosts,
    least_ms: float,
    limit_ms: float,
    worth: Worth = (),
) -> tuple[int, ...]:
    """Returns the most probable network in `[least_ms, limit_ms]`.

    If none has at least `least_ms`, that bound is ignored. The limit is never exceeded, except by
    rounding errors of sums (1e-12 of it).

    Args:
        probabilities: `[rows, options]`.
        latencies: costs of the networks; one of them is within the limit.
        least_ms: lower bound.
        limit_ms: upper bound.
        worth: other costs of the same networks, in nats a unit.
    """
    logs = [
        np.array([math.log(max(float(p), _LEAST_PROBABILITY)) for p in row[:count]])
        for row, count in zip(probabilities, latencies.counts, strict=True)
    ]
    steps, resolution = latencies.steps, latencies.resolution
    rests = chain_sweep.least_rests(steps)[1:]
    width_ms = limit_ms / _BINS or 1.0

    added = [np.zeros(step.costs.shape) for step in steps]
    for costs, nats in worth:
        added = [sum_ + nats * step.costs for sum_, step in zip(added, costs.steps, strict=True)]

    def transfer(given: tuple[Step, np.ndarray, np.ndarray], state: State) -> State:
        step, gains, rest = given
        allowed = limit_ms * (1 + 1e-12), rest
        return [
            [
                _best_of_bins(_extended(step, gains, r, b, widths, logs, *allowed), width_ms)
                for b in range(rest.shape[1])
            ]
            for r, widths in enumerate(state)
        ]

    none = np.zeros(1, np.int64)
    first = [0.0] if resolution is None else logs[resolution]
    start = [[Partial(np.array([log_p]), np.zeros(1), none, none, none)] for log_p in first]
    states = chain_sweep.forward(list(zip(steps, added, rests, strict=True)), start, transfer)
    return _best(states, latencies, least_ms)


def _extended(
    step: Step,
    gains: np.ndarray,
    r: int,
    b: int,
    widths: Sequence[Partial],
    logs: Sequence[np.ndarray],
    limit_ms: float,
    rest_ms: np.ndarray,
) -> Partial:
    """Returns all partial networks that a step leads to the width `b`, within the limit."""
    found = []
    for a in step.sources(b):
        partial = widths[a]
        costs = step.costs[r, :, a, 0 if step.keeps_width else b]
        log_p = partial.log_p[:, None] + gains[r, :, a, 0 if step.keeps_width else b]
        if step.operation is not None:
            log_p = log_p + logs[step.operation]
        if step.width is not None:
            log_p = log_p + logs[step.width][b]
        spent = partial.spent_ms[:, None] + costs
        parent, operation = np.nonzero(spent + rest_ms[r, b] <= limit_ms)
        kept = parent, operation
        found.append(Partial(log_p[kept], spent[kept], parent, np.full(len(parent), a), operation))
    return Partial(*map(np.concatenate, zip(*found, strict=True)))


def _best_of_bins(partial: Partial, width_ms: float) -> Partial:
    """Keeps the most probable network of each bin, the first of equal ones.

    The bins remain in the order of their first networks.
    """
    count = len(partial.log_p)
    if not count:
        return partial
    bins = (partial.spent_ms / width_ms).astype(np.int64)
    bins -= bins.min()
    best = np.full(bins.max() + 1, -np.inf)
    np.maximum.at(best, bins, partial.log_p)
    places = np.arange(count)

    def first_of_bin(of: np.ndarray) -> np.ndarray:
        firsts = np.full(len(best), count)
        np.minimum.at(firsts, bins[of], of)
        return firsts

    seen = first_of_bin(places)
    winners = first_of_bin(places[partial.log_p == best[bins]])
    order = np.argsort(seen)[: np.count_nonzero(seen < count)]
    return Partial(*(values[winners[order]] for values in partial))


def _best(states: list[State], latencies: ChainCosts, least_ms: float) -> tuple[int, ...]:
    ends = [
        (float(log_p), float(spent), r, place)
        for r, (partial,) in enumerate(states[-1])
        for place, (log_p, spent) in enumerate(zip(partial.log_p, partial.spent_ms, strict=True))
    ]
    found = [end for end in ends if end[1] >= least_ms] or ends
    best = max(end[:2] for end in found)
    equal = [end for end in found if end[:2] == best]
    return max(_choices(states, latencies, r, place) for *_, r, place in equal)


def _choices(states: list[State], latencies: ChainCosts, r: int, place: int) -> tuple[int, ...]:
    choices, width = [0] * len(latencies.counts), 0
    if latencies.resolution is not None:
        choices[latencies.resolution] = r
    for step, state in zip(latencies.steps[::-1], states[:0:-1], strict=True):
        partial = state[r][width]
        step.decide(choices, int(partial.operation[place]), width)
        width, place = int(partial.before[place]), int(partial.parent[place])
    return tuple(choices)
