"""The decisions of a space as rows: the operation of every slot, the widths, the resolution.

A network is one index a row, and alpha has one row a decision. This file says which rows a layer
depends on, and checks that the width decisions of a space form a chain.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nas.architecture import blocks
from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.sizes import resolved


class LayerRows(NamedTuple):
    """The rows that one layer depends on; None where it has no decision.

    Attributes:
        operation: row of its operation.
        before: row of the width of its input.
        after: row of the width of its output.
    """

    operation: int | None = None
    before: int | None = None
    after: int | None = None


def layer_rows(
    stem: Stem, layers: Sequence[Block | Slot], head: Head, widths: Mapping[str, Sequence[int]]
) -> list[LayerRows]:
    """Returns the rows of the stem, of every layer, and of the head.

    If the head's pooled width is a decision of its own, the head has two entries: its convolution,
    and its dense layer with the classifier.
    """
    slots = sum(isinstance(layer, Slot) for layer in layers)
    names = {name: slots + i for i, name in enumerate(widths)}

    def row(width: int | str) -> int | None:
        return names[width] if isinstance(width, str) else None

    found = [LayerRows(after=row(stem.width))]
    slot = 0
    for layer in layers:
        operation = slot if isinstance(layer, Slot) else None
        slot += isinstance(layer, Slot)
        found.append(LayerRows(operation, row(layer.input_width), row(layer.output_width)))
    found.append(LayerRows(before=row(layers[-1].output_width), after=row(head.width)))
    if head.decides_pooled_width:
        found.append(LayerRows(before=row(head.width), after=row(head.widths[-1])))
    return found


def check_widths(
    stem: Stem, layers: Sequence[Block | Slot], head: Head, widths: Mapping[str, Sequence[int]]
) -> None:
    """Checks names and numbers of the widths, and the operations of every layer at every width.

    Raises:
        ValueError: a name has no numbers or is not used, numbers repeat, the layers of a name do
            not follow each other, or an operation cannot have a width. The message has the place.
    """
    for name, numbers in widths.items():
        if len(set(numbers)) < max(2, len(numbers)):
            raise ValueError(
                f"widths.{name}: expected two or more different numbers, received {list(numbers)}"
            )
    sides = [("stem.width", stem.width)]
    sides += [(f"layers[{i}].output_width", layer.output_width) for i, layer in enumerate(layers)]
    sides += zip(("head.width", "head.pooled_width"), head.widths, strict=False)
    for place, width in sides:
        if isinstance(width, str) and width not in widths:
            known = ", ".join(widths) or "none"
            raise ValueError(
                f"{place}: expected a number or one of widths ({known}), received {width!r}"
            )
    unused = [name for name in widths if name not in [width for _, width in sides]]
    if unused:
        raise ValueError(f"widths.{unused[0]}: expected a layer with this width, found none")
    for (_, before), (place, width) in zip(sides, sides[1:], strict=False):
        earlier = [other for _, other in sides[: sides.index((place, width))]]
        if isinstance(width, str) and width != before and width in earlier:
            raise ValueError(
                f"{place}: expected the layers of width {width!r} to follow each other without a "
                "gap, received it again after its end; use one name for each part"
            )
    for i, layer in enumerate(layers):
        for chosen in combinations(layer, widths):
            sides_of = layer.input_width, layer.output_width
            reason = blocks.refusal(layer, *(resolved(width, chosen) for width in sides_of))
            if reason:
                raise ValueError(f"layers[{i}] with {chosen}: {reason}")


def combinations(layer: Block | Slot, widths: Mapping[str, Sequence[int]]) -> list[dict[str, int]]:
    """Returns every choice of the names on the two sides of a layer, as numbers by name."""
    found: list[dict[str, int]] = [{}]
    for side in dict.fromkeys([layer.input_width, layer.output_width]):
        if isinstance(side, str):
            found = [chosen | {side: number} for chosen in found for number in widths[side]]
    return found
