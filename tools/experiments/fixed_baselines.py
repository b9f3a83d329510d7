"""The networks that searched ones are compared with: fixed designs, scaled by one width multiplier.

A design is a function of a space and a multiplier. There are two: the plain network of the space
with all widths multiplied (MobileNetV2, Sandler et al. 2018), and one with the pattern of
MobileNetV3 on the space's stages.
"""

import itertools
from collections.abc import Sequence

from export import support
from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.operations import Activation, MBConv
from nas.architecture.operations.bottlenecks import scaled_width
from nas.architecture.spaces import width_multiplied
from nas.architecture.specs import Child, SearchSpace

# Steps of a twentieth; several may give the same network.
MULTIPLIERS = tuple(i / 20 for i in range(5, 41))

# Squeeze-and-excitation of MobileNetV3: its bottleneck over the expanded width.
_SQUEEZE = 0.25


def plain(space: SearchSpace, multiplier: float) -> Child:
    """Returns the plain network of `space` with all widths multiplied by one number.

    If widths are decisions of the space, it is a network of the space, whose widths are nearest to
    the multiple of their middles. Otherwise it need not be in the space.
    """
    if not space.widths:
        return width_multiplied.fixed_width(space, multiplier)
    choices = width_multiplied.multiplied(space, multiplier)
    return space.child(choices, f"{space.name}_x{multiplier:g}")


def v3_style(space: SearchSpace, multiplier: float, hard_swish: bool = False) -> Child:
    """Returns a network like MobileNetV3 on the stages of `space`, with multiplied widths.

    The pattern is that of MobileNetV3-Large (Howard et al. 2019, table 1), by stages: neighbouring
    slots of one output width. The first stage has kernel size 3 and expansion 4, then 3. Those
    between have kernel size 5, expansion 3 and squeeze-and-excitation. The last has expansion 6:
    its first half kernel size 3, the rest kernel size 5 with squeeze-and-excitation. A space of one
    stage has the last alone. Fixed blocks of the space, its resolution and its dropout are kept. It
    need not be a network of the space.

    Args:
        space: determines depths, strides, widths and the task. If a width is a decision, its middle
            is multiplied: the geometric mean of its smallest and its largest number.
        multiplier: multiplies all widths; above 0. The head is scaled only if it is above 1.
        hard_swish: whether stem, last stage and head have hard swish in place of ReLU, as in
            MobileNetV3. Not every recipe has it, and with some it is slower; see
            `allows_hard_swish`.
    """
    end: Activation = "hard_swish" if hard_swish else "relu"
    last = len(_stages(space)) - 1
    width = _scaled(space, space.stem.width, multiplier)
    stem = Stem(width, space.stem.kernel_size, space.stem.stride, end)
    layers: list[Block] = []
    operations = iter(
        op for i, stage in enumerate(_stages(space)) for op in _operations(i, last, len(stage), end)
    )
    for layer in space.layers:
        op = layer.op if isinstance(layer, Block) else next(operations)
        output_width = _scaled(space, layer.output_width, multiplier)
        layers.append(Block(op, width, output_width, layer.stride))
        width = output_width
    return Child(
        name=f"{space.name}_v3_x{multiplier:g}",
        resolution=space.largest_resolution,
        num_classes=space.num_classes,
        stem=stem,
        layers=tuple(layers),
        head=_head(space, multiplier, end),
        input_channels=space.input_channels,
    )


def allows_hard_swish(space: SearchSpace, recipe: str) -> bool:
    """Whether a recipe can write the network with hard swish."""
    try:
        support.check(v3_style(space, 1.0, hard_swish=True), recipe)
    except ValueError:
        return False
    return True


def _stages(space: SearchSpace) -> list[list[Slot]]:
    """Returns the slots by stage: neighbours of one output width."""
    groups = itertools.groupby(space.slots, key=lambda slot: slot.output_width)
    return [list(group) for _, group in groups]


def _operations(stage: int, last: int, depth: int, end: Activation) -> list[MBConv]:
    if stage == last:
        plain_blocks = (depth + 1) // 2
        return [
            MBConv(3, 6, end) if i < plain_blocks else MBConv(5, 6, end, _SQUEEZE)
            for i in range(depth)
        ]
    if stage == 0:
        return [MBConv(3, 3 if i else 4, "relu") for i in range(depth)]
    return [MBConv(5, 3, "relu", _SQUEEZE)] * depth


def _head(space: SearchSpace, multiplier: float, end: Activation) -> Head:
    width = _scaled(space, space.head.width, max(1.0, multiplier))
    return Head(width, end, space.head.dropout, space.head.pooled_width)


def _scaled(space: SearchSpace, width: int | str, multiplier: float) -> int:
    if isinstance(width, int):
        return scaled_width(width, multiplier)
    return scaled_width(1, multiplier * _middle(space.widths[width]))


def _middle(numbers: Sequence[int]) -> float:
    return (min(numbers) * max(numbers)) ** 0.5
