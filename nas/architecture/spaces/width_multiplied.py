"""Networks of one operation with a width multiplier: the baseline for a search.

As in MobileNetV2 (Sandler et al. 2018, section 5), every slot has the same operation, MBConv with
kernel size 3 and expansion 6, and all widths are multiplied by one number. `fixed_width` makes it
from a space of fixed widths, `multiplied` finds it among the networks of a space whose widths are
decisions.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

from nas.architecture import counting
from nas.architecture.blocks import Block, Slot
from nas.architecture.operations import MBConv, Skip
from nas.architecture.operations.bottlenecks import scaled_width
from nas.architecture.sizes import number
from nas.architecture.specs import Child, SearchSpace


def fixed_width(space: SearchSpace, multiplier: float) -> Child:
    """Returns the network of `space` with MBConv 3x3 of expansion 6 in every slot.

    Args:
        space: determines depths, strides, stem, head, activation and task.
        multiplier: multiplies all widths; above 0. The head is scaled only if it is above 1.

    Raises:
        ValueError: the multiplier is not above 0, or a width of the space is a decision.
    """
    _check_multiplier(multiplier)
    stem = dataclasses.replace(space.stem, width=scaled_width(number(space.stem.width), multiplier))
    layers: list[Block] = []
    width = stem.width
    for layer in space.layers:
        kept = layer.op if layer.type == "block" else None
        op = kept or MBConv(3, 6, space.stem.activation)
        output_width = scaled_width(number(layer.output_width), multiplier)
        layers.append(Block(op, width, output_width, layer.stride))
        width = output_width
    head_width = scaled_width(number(space.head.width), max(1.0, multiplier))
    return Child(
        name=f"{space.name}_x{multiplier:g}",
        resolution=space.largest_resolution,
        num_classes=space.num_classes,
        stem=stem,
        layers=tuple(layers),
        head=dataclasses.replace(space.head, width=head_width),
        input_channels=space.input_channels,
    )


def multiplied(space: SearchSpace, multiplier: float) -> tuple[int, ...]:
    """Returns the choices of the network of `space` with one operation and multiplied widths.

    Every width is the option nearest, as a ratio, to the multiplier times the middle of its
    options: the geometric mean of the smallest and the largest. Of two equally near, it is the
    smaller. Every slot has MBConv with kernel size 3 and expansion 6, with the least
    squeeze-and-excitation of such candidates. A slot without them has the candidate of median
    multiply-accumulates at the largest widths, skip left out. The resolution is the largest.

    Args:
        space: any space; without width decisions the multiplier changes nothing.
        multiplier: above 0.

    Raises:
        ValueError: the multiplier is not above 0.
    """
    _check_multiplier(multiplier)
    widths = [_nearest(numbers, multiplier) for numbers in space.widths.values()]
    sizes = space.resolutions
    resolution = [] if space.resolution_row is None else [sizes.index(max(sizes))]
    return (*_operations(space), *widths, *resolution)


def multiplier_within(
    space: SearchSpace, cost_of: Callable[[Sequence[int]], float], limit: float
) -> tuple[float, tuple[int, ...]] | None:
    """Returns the network of the largest multiplier that costs at most `limit`.

    All networks of `multiplied` are tried, the widest first, so costs need not rise with the
    multiplier.

    Args:
        space: any space.
        cost_of: returns the cost of a network by its choices, in any unit.
        limit: in the unit of `cost_of`.

    Returns:
        The middle, as a ratio, of the multipliers that give this network, and its choices; None if
        every network costs more.
    """
    for multiplier in reversed(_multipliers(space)):
        choices = multiplied(space, multiplier)
        if cost_of(choices) <= limit:
            return multiplier, choices
    return None


def all_multiplied(space: SearchSpace) -> list[tuple[int, ...]]:
    """Returns the choices of every network of `multiplied`, in rising order of the multiplier."""
    return [multiplied(space, multiplier) for multiplier in _multipliers(space)]


def _multipliers(space: SearchSpace) -> list[float]:
    """Returns one multiplier for each network of `multiplied`, in rising order.

    A width changes where the multiplier times its middle is the geometric mean of two neighbours.
    Before the first change and after the last, multipliers down to the smallest and up to the
    largest option of any width are considered.
    """
    ordered = [sorted(numbers) for numbers in space.widths.values()]
    if not ordered:
        return [1.0]
    changes = {
        # Changes at one place may differ in their last bits.
        round(math.sqrt(small * large) / _middle(numbers), 12)
        for numbers in ordered
        for small, large in zip(numbers, numbers[1:], strict=False)
    }
    least = min(numbers[0] / _middle(numbers) for numbers in ordered)
    most = max(numbers[-1] / _middle(numbers) for numbers in ordered)
    bounds = [least, *sorted(changes), most]
    return [math.sqrt(low * high) for low, high in zip(bounds, bounds[1:], strict=False)]


def _middle(numbers: Sequence[int]) -> float:
    return math.sqrt(min(numbers) * max(numbers))


def _nearest(numbers: Sequence[int], multiplier: float) -> int:
    wanted = math.log(multiplier * _middle(numbers))
    # Rounded, so that a tie is one.
    distances = [(round(abs(math.log(number) - wanted), 12), number) for number in numbers]
    return distances.index(min(distances))


def _operations(space: SearchSpace) -> list[int]:
    """Returns the choice of each slot."""
    places = space.largest.places
    return [_operation(slot, size) for slot, size in places if isinstance(slot, Slot)]


def _operation(slot: Slot, resolution: int) -> int:
    plain = [
        (op.se_ratio, j)
        for j, op in enumerate(slot.candidates)
        if isinstance(op, MBConv) and (op.kernel_size, op.expansion) == (3, 6)
    ]
    if plain:
        return min(plain)[1]
    macs = sorted(
        (counting.block_macs(slot.block(j), resolution), j)
        for j, op in enumerate(slot.candidates)
        if not isinstance(op, Skip)
    )
    return macs[(len(macs) - 1) // 2][1]


def _check_multiplier(multiplier: float) -> None:
    if not multiplier > 0.0:
        raise ValueError(f"multiplier: expected a number above 0, received {multiplier}")
