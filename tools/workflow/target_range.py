"""Where a target lies among the networks of a space, and what one width multiplier alone reaches.

A multiplied width is what a user has without a search (MobileNetV2, Sandler et al. 2018), so it is
named beside the result. At an edge of the range there is hardly a network to choose from; the
caution says what has room on both sides.
"""

import dataclasses
from typing import Any

from nas.architecture import counting
from nas.architecture.spaces import SPACES, width_multiplied
from nas.architecture.specs import SearchSpace
from nas.choices import space_costs
from nas.choices.chain_costs import ChainCosts
from tools.terminal import console

# A target this near to an end of the range, as a fraction of it, gets a caution.
EDGE = 0.05


@dataclasses.dataclass(frozen=True)
class Baseline:
    """The widest network of one multiplier that meets a target.

    Attributes:
        multiplier: of all widths.
        choices: the network's choices in its space.
        cost: its predicted cost, in the unit of the target.
        params: its trainable parameters.
        macs: its multiply-accumulates for one image.
    """

    multiplier: float
    choices: tuple[int, ...]
    cost: float
    params: int
    macs: int

    def text(self, unit: str) -> str:
        """Describes the network in one line, with its cost in `unit`."""
        return baseline_text(self.multiplier, self.cost, unit, self.params, self.macs)

    def as_summary(self) -> dict[str, Any]:
        """The fields of `baseline` in `summary.json`; the cost must be a latency."""
        return {
            "multiplier": self.multiplier,
            "predicted_latency_ms": self.cost,
            "params": self.params,
            "macs": self.macs,
        }


def baseline_text(multiplier: float, cost: float, unit: str, params: int, macs: int) -> str:
    """Describes the network of one multiplier in one line."""
    return (
        f"one network of widths x {multiplier:.3g} meets it: {console.compact(cost)} {unit}, "
        f"{console.compact(params)} parameters, {console.compact(macs)} MACs"
    )


def baseline(space: SearchSpace, costs: ChainCosts, target: float) -> Baseline | None:
    """Returns the widest network of one multiplier within the target.

    None if the space has no width decisions, or if its narrowest such network costs more.
    """
    if not space.widths or not target:
        return None
    found = width_multiplied.multiplier_within(space, costs.of, target)
    if found is None:
        return None
    multiplier, choices = found
    child = space.child(choices)
    params, macs = counting.num_params(child), counting.num_macs(child)
    return Baseline(multiplier, choices, costs.of(choices), params, macs)


def fraction_of(costs: ChainCosts, target: float) -> float:
    """Returns where the target lies: 0 is the cheapest network, 1 the most expensive."""
    span = costs.slowest_ms - costs.fastest_ms
    return (target - costs.fastest_ms) / span if span > 0.0 else 0.5


def range_text(costs: ChainCosts, target: float) -> str:
    """Describes the range of a space's costs, and where the target lies; 0 is no target."""
    kind, unit = costs.quantity.removesuffix("_ms"), costs.unit
    least, most = console.compact(costs.fastest_ms), console.compact(costs.slowest_ms)
    if not target:
        return f"{kind} from {least} to {most} {unit}, no target"
    return (
        f"{kind}: target {console.compact(target)} {unit}, {100 * fraction_of(costs, target):.0f} "
        f"% of the range from {least} to {most} {unit}"
    )


def notes(space: SearchSpace, costs: ChainCosts, target: float) -> dict[str, str]:
    """Returns sentences for a plan by their names, `baseline` and `caution`; both may lack.

    Args:
        space: the space, for its data set.
        costs: costs of its networks, in the unit of the target.
        target: the target; 0 for none.
    """
    if not target:
        return {}
    found = {}
    if space.widths:
        best = baseline(space, costs, target)
        found["baseline"] = (
            best.text(costs.unit) if best else "no network of multiplied widths alone meets it"
        )
    warned = caution(space, fraction_of(costs, target))
    if warned:
        found["caution"] = warned
    return found


def caution(space: SearchSpace, fraction: float) -> str | None:
    """Warns of a target at an end of the range, and says what has room on both sides of it.

    Args:
        space: the space, for its data set.
        fraction: where the target lies in its range, from 0 to 1.
    """
    if EDGE <= fraction <= 1.0 - EDGE:
        return None
    is_low = fraction < EDGE
    end = "lower" if is_low else "upper"
    start = f"the target is at the {end} end of what {space.name} can have, where few networks are"
    inside = f"choose a target between {100 * EDGE:.0f} and {100 - 100 * EDGE:.0f} % of the range"
    if space.widths:
        names = ", ".join(space.widths)
        side = "narrower" if is_low else "wider"
        return f"{start}: add {side} numbers to its widths ({names}), or {inside}"
    other = _roomier(space, fraction)
    if other is None:
        return f"{start}: {inside}"
    return (
        f"{start}: --space={other} has networks of more and of fewer multiply-accumulates than "
        f"those; or {inside}"
    )


def _roomier(space: SearchSpace, fraction: float) -> str | None:
    """Returns a built-in space with widths that has room on both sides; None if there is none.

    Spaces are compared by the multiply-accumulates that the target's fraction stands for, among
    those for images of the same size.
    """
    wanted = space_costs.macs_of(space).at(fraction)
    designed = SPACES.get(space.name, space).largest_resolution
    for other in SPACES.values():
        if not other.widths or other.largest_resolution != designed:
            continue
        task = (space.num_classes, space.largest_resolution, space.input_channels)
        macs = space_costs.macs_of(other.with_task(*task))
        if EDGE <= fraction_of(macs, wanted) <= 1.0 - EDGE:
            return other.name
    return None
