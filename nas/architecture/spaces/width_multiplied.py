"""Networks of one operation with a width multiplier: the baseline for a search.

As in MobileNetV2 (Sandler et al. 2018, section 5), every slot has the same operation, MBConv with
kernel size 3 and expansion 6, and all widths are multiplied by one number.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

from nas.architecture import counting
from nas.architecture.blocks import Block, Slot
from nas.architecture.operations import MBConv
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
    if not multiplier > 0.0:
        raise ValueError(f"multiplier: expected a number above 0, received {multiplier}")
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
    """Returns the choices of the network of `space` whose widths are multiplied by one number.

    Every width decision takes its option that is nearest, by ratio, to `multiplier` times its
    middle: the geometric mean of its smallest and its largest number. Every slot has MBConv with
    kernel size 3 and expansion 6 without squeeze-and-excitation, or, if that is no candidate, the
    candidate with the median multiply-accumulates at the largest widths. The resolution is the
    largest.

    Raises:
        ValueError: the multiplier is not above 0.
    """
    if not multiplier > 0.0:
        raise ValueError(f"multiplier: expected a number above 0, received {multiplier}")
    found = [_plain_candidate(slot, resolution) for slot, resolution in _largest_slots(space)]
    for numbers in space.widths.values():
        wanted = math.log(multiplier * _middle(numbers))
        # Of two numbers that are as near, the smaller; rounding must not decide.
        distances = [(round(abs(math.log(n) - wanted), 9), n) for n in numbers]
        found.append(distances.index(min(distances)))
    if space.resolution_row is not None:
        found.append(space.resolutions.index(space.largest_resolution))
    return tuple(found)


def multiplier_within(
    space: SearchSpace, cost_of: Callable[[Sequence[int]], float], limit: float
) -> tuple[float, tuple[int, ...]] | None:
    """Returns the largest multiplier whose network costs at most `limit`, and its choices.

    Args:
        space: the space; without width decisions there is one network, with multiplier 1.
        cost_of: cost of the network of choices, one option a row.
        limit: in the unit of `cost_of`.

    Returns:
        None if every such network costs more.
    """
    for multiplier in reversed(_multipliers(space)):
        choices = multiplied(space, multiplier)
        if cost_of(choices) <= limit:
            return multiplier, choices
    return None


def _multipliers(space: SearchSpace) -> list[float]:
    """Returns, ascending, the largest multiplier of each network that `multiplied` can return."""
    ends = set()
    for numbers in space.widths.values():
        ordered = sorted(numbers)
        for narrow, wide in zip(ordered, ordered[1:], strict=False):
            ends.add(round(math.sqrt(narrow * wide) / _middle(numbers), 9))
    most = [max(numbers) / _middle(numbers) for numbers in space.widths.values()]
    return [*sorted(ends), max([1.0, *most])] if ends else [1.0]


def _middle(numbers: Sequence[int]) -> float:
    return math.sqrt(min(numbers) * max(numbers))


def _largest_slots(space: SearchSpace) -> list[tuple[Slot, int]]:
    """Returns each slot at the largest widths, with the resolution of its input in pixels."""
    return [(layer, pixels) for layer, pixels in space.largest.places if isinstance(layer, Slot)]


def _plain_candidate(slot: Slot, resolution: int) -> int:
    for i, op in enumerate(slot.candidates):
        if isinstance(op, MBConv) and (op.kernel_size, op.expansion, op.se_ratio) == (3, 6, 0.0):
            return i
    macs = [counting.block_macs(block, resolution) for block in slot.blocks]
    order = sorted(
        (i for i, block in enumerate(slot.blocks) if block.op.kind != "skip"), key=macs.__getitem__
    )
    # A slot may have several skips, but no operation.
    order = order or list(range(len(macs)))
    return order[(len(order) - 1) // 2]
