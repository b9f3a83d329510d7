"""Sweeps over a chain of layers, the common part of every dynamic program over networks.

Given the resolution, the cost of a network is a sum over layers, and a layer depends on what came
before it only by the width between them. So the state of a sweep is what is known for every
resolution and every width at the current place of the chain. With a transfer T of one layer,

    state_s(r, b) = T over operations j and widths a of  state_{s-1}(r, a)  and  cost_s(r, j, a, b)

and in the other direction likewise. Sums of products give the distribution of cost and the number
of networks; minima give the fastest rest of a network; maxima the most probable network.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from nas.choices.layer_costs import LayerCosts

Item = TypeVar("Item")
State = TypeVar("State")


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """One layer of a sweep.

    Attributes:
        costs: `[resolutions, operations, widths before, widths after]`, complete. The last axis has
            length 1 if the step keeps the width.
        keeps_width: whether the width after the step is that before it.
        operation: row that is decided in the step as its operation; None for none.
        width: row that is decided in the step as the width after it; None for none.
    """

    costs: np.ndarray
    keeps_width: bool
    operation: int | None = None
    width: int | None = None

    def sources(self, after: int) -> range:
        """Returns the widths before the step from which it leads to the width `after`."""
        return range(after, after + 1) if self.keeps_width else range(self.costs.shape[2])

    @property
    def decides(self) -> bool:
        """Whether a row is decided in the step."""
        return self.operation is not None or self.width is not None

    def moves(self, before: int) -> list[tuple[int, int]]:
        """Returns every pair (operation, width after) that leads on from the width `before`."""
        _, operations, _, afters = self.costs.shape
        after = range(before, before + 1) if self.keeps_width else range(afters)
        return [(j, b) for j in range(operations) for b in after]

    def cost(self, resolution: int, operation: int, before: int, after: int) -> float:
        """Returns the cost of one move."""
        return self.costs[resolution, operation, before, 0 if self.keeps_width else after]

    def decide(self, choices: list[int], operation: int, after: int) -> None:
        """Writes what a move decides into `choices`, one index a row."""
        if self.operation is not None:
            choices[self.operation] = operation
        if self.width is not None:
            choices[self.width] = after


def steps_of(
    layers: Sequence[LayerCosts], resolution: int | None, counts: Sequence[int]
) -> list[Step]:
    """Returns the layers of a checked chain as steps, from one width to one width.

    Args:
        layers: the chain.
        resolution: row of the resolution; None if it is fixed.
        counts: number of options of every row.
    """

    def count(row: int | None) -> int:
        return 1 if row is None else counts[row]

    resolutions, first, last = count(resolution), layers[0].before, layers[-1].after
    steps = []
    if first is not None:
        steps.append(Step(np.zeros([resolutions, 1, 1, count(first)]), False, width=first))
    for layer in layers:
        full = [count(row) for row in layer.rows(resolution)]
        costs = np.broadcast_to(layer.costs, full)
        width = None if layer.keeps_width else layer.after
        steps.append(Step(costs, layer.keeps_width, layer.operation, width))
    if last is not None:
        steps.append(Step(np.zeros([resolutions, 1, count(last), 1]), False))
    return steps


def forward(
    steps: Sequence[Item], start: State, transfer: Callable[[Item, State], State]
) -> list[State]:
    """Returns the states before every step, and after the last one.

    Args:
        steps: the steps, or pairs of them and something else that the transfer needs.
        start: the state before the first step.
        transfer: given a step and the state before it, returns the state after it.
    """
    states = [start]
    for step in steps:
        states.append(transfer(step, states[-1]))
    return states


def backward(
    steps: Sequence[Item], end: State, transfer: Callable[[Item, State], State]
) -> list[State]:
    """Returns the states before every step and after the last one, from a sweep to the front."""
    return forward(steps[::-1], end, transfer)[::-1]


def least_rests(steps: Sequence[Step]) -> list[np.ndarray]:
    """Returns the least cost from every place of the chain to its end, `[resolutions, widths]`."""

    def transfer(step: Step, rest: np.ndarray) -> np.ndarray:
        beyond = rest[:, :, None] if step.keeps_width else rest[:, None, :]
        return (step.costs.min(axis=1) + beyond).min(axis=2)

    return backward(steps, np.zeros([len(steps[0].costs), 1]), transfer)


def cheapest_choices(steps: Sequence[Step], resolution: int | None, rows: int) -> list[int]:
    """Returns the choices of the network with the least cost, one index a row."""
    rests, choices, width = least_rests(steps), [0] * rows, 0
    r = int(rests[0][:, 0].argmin())
    if resolution is not None:
        choices[resolution] = r
    for step, rest in zip(steps, rests[1:], strict=True):
        costs = step.costs[r, :, width]
        after = width if step.keeps_width else int((costs.min(axis=0) + rest[r]).argmin())
        step.decide(choices, int(costs[:, 0 if step.keeps_width else after].argmin()), after)
        width = after
    return choices


def dearest_choices(steps: Sequence[Step], resolution: int | None, rows: int) -> list[int]:
    """Returns the choices of the network with the largest cost, one index a row."""
    negative = [dataclasses.replace(step, costs=-step.costs) for step in steps]
    return cheapest_choices(negative, resolution, rows)


def excess(steps: Sequence[Step]) -> tuple[np.ndarray, list[Step]]:
    """Returns costs above the cheapest network, which are never negative.

    The excess of a move is what the best way to the state behind it costs more if it takes this
    move. Over a network they add up to its cost above that of the cheapest network.

    Returns:
        `[resolutions]`, the excess of each resolution's cheapest network; and the steps with the
        excess of every move in place of its cost.
    """
    reduced = []

    def transfer(step: Step, reached: np.ndarray) -> np.ndarray:
        cheapest = step.costs.min(axis=1)
        ways = reached[:, :, None] + cheapest
        best = ways[:, :, 0] if step.keeps_width else ways.min(axis=1)
        detour = ways - (best[:, :, None] if step.keeps_width else best[:, None, :])
        costs = (step.costs - cheapest[:, None]) + detour[:, None]
        reduced.append(dataclasses.replace(step, costs=costs))
        return best

    ends = forward(steps, np.zeros([len(steps[0].costs), 1]), transfer)[-1][:, 0]
    return ends - ends.min(), reduced
