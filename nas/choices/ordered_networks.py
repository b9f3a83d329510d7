"""The networks of a space in the order of their cost, cheapest or dearest first.

This is a best-first search over the chain (Hart, Nilsson & Raphael 1968). The least cost from a
place of the chain to its end is known exactly, so only partial networks that begin one of the
networks already asked for, or differ from one in their last decision, are ever looked at.
"""

import dataclasses
import heapq
from collections.abc import Iterator

from nas.choices import chain_sweep
from nas.choices.chain_costs import ChainCosts

# The least cost of a whole network that begins so; then its choices so far, by row.
_Partial = tuple[float, tuple[tuple[int, int], ...], float, int, int, int]


def by_cost(costs: ChainCosts, dearest_first: bool = False) -> Iterator[tuple[int, ...]]:
    """Yields the choices of every network, one index a row."""
    sign = -1.0 if dearest_first else 1.0
    steps = [dataclasses.replace(step, costs=sign * step.costs) for step in costs.steps]
    rests = chain_sweep.least_rests(steps)
    queue: list[_Partial] = []
    for r in range(len(rests[0])):
        first = [] if costs.resolution is None else [(costs.resolution, r)]
        queue.append((float(rests[0][r, 0]), tuple(first), 0.0, r, 0, 0))
    heapq.heapify(queue)
    while queue:
        _, chosen, spent, r, place, width = heapq.heappop(queue)
        if place == len(steps):
            yield tuple(choice for _, choice in sorted(chosen))
            continue
        step = steps[place]
        for operation, after in step.moves(width):
            own = chosen
            if step.operation is not None:
                own += ((step.operation, operation),)
            if step.width is not None:
                own += ((step.width, after),)
            cost = spent + float(step.cost(r, operation, width, after))
            least = cost + float(rests[place + 1][r, after])
            heapq.heappush(queue, (least, own, cost, r, place + 1, after))
