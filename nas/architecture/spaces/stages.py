"""Layers of a space, stage by stage, as papers print them: one row a stage."""

from collections.abc import Iterable

from nas.architecture.blocks import Slot, Stride
from nas.architecture.operations import AnyOperation, MBConv, Skip
from nas.architecture.operations.bottlenecks import scaled_width

# Output width (a number, or the name of a width decision), number of slots, stride of the first.
StageRow = tuple[int | str, int, Stride]


def stage_slots(
    width: int | str, rows: Iterable[StageRow], candidates: tuple[AnyOperation, ...]
) -> list[Slot]:
    """Returns the slots row by row; skip is also a candidate where the shape is kept.

    Args:
        width: before the first row.
        rows: the stages.
        candidates: the operations of every slot.
    """
    layers: list[Slot] = []
    for output_width, depth, stride in rows:
        for _ in range(depth):
            layers.append(slot(width, output_width, candidates, stride))
            width, stride = output_width, 1
    return layers


def slot(
    width: int | str, output_width: int | str, candidates: tuple[AnyOperation, ...], stride: Stride
) -> Slot:
    """Returns a slot; skip is also a candidate where the shape is kept."""
    keeps_shape = stride == 1 and width == output_width
    return Slot(width, output_width, (*candidates, Skip()) if keeps_shape else candidates, stride)


def mbconvs(kernel_sizes: tuple[int, ...], expansions: tuple[int, ...]) -> tuple[MBConv, ...]:
    """Returns the inverted bottlenecks of all kernel sizes, for each expansion in turn."""
    return tuple(MBConv(k, e) for e in expansions for k in kernel_sizes)


def multiples(
    width: int, multipliers: Iterable[float], others: Iterable[int] = ()
) -> tuple[int, ...]:
    """Returns the different multiples of a width, rounded by `scaled_width`, in rising order.

    Args:
        width: channels, multiplied by each of the multipliers.
        multipliers: above 0.
        others: further widths.
    """
    return tuple(sorted({*others, *(scaled_width(width, m) for m in multipliers)}))
