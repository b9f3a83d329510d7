"""Search spaces and child networks as plain, validated data.

This file imports no framework. Supernet, Keras child, counts and latency features all read these
dataclasses. `spec_json` reads and writes them as files.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from nas.architecture import decisions
from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.decisions import LayerRows
from nas.architecture.operations import STRICT
from nas.architecture.operations.stage import downsampled
from nas.architecture.sizes import (
    MOST_DIGITS,
    MOST_LAYERS,
    Channels,
    NumClasses,
    Resolutions,
    Width,
    WidthName,
    number,
)

# It names Keras models and TensorFlow scopes, which allow no other characters.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Resolution = Annotated[int, Field(ge=1)]


def _check_chain(stem: Stem, layers: Sequence[Block | Slot]) -> None:
    width = stem.width
    for i, layer in enumerate(layers):
        if layer.input_width != width:
            raise ValueError(
                f"layers[{i}].input_width: expected {width} (the width before it), "
                f"received {layer.input_width}"
            )
        width = layer.output_width


class _Network:
    """The fields and properties that a child and a space have in common."""

    resolution: int | tuple[int, ...]
    input_channels: int
    stem: Stem
    layers: tuple[Block | Slot, ...]

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The resolutions of the input that it may have, in pixels; one unless it is a decision."""
        return self.resolution if isinstance(self.resolution, tuple) else (self.resolution,)

    @property
    def largest_resolution(self) -> int:
        """Height and width of the images that its data set has."""
        return max(self.resolutions)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels of the images; at the largest resolution."""
        return (self.largest_resolution, self.largest_resolution, self.input_channels)

    @property
    def input_resolutions(self) -> tuple[int, ...]:
        """Height and width of the input of each layer, and last of the head; at the largest."""
        return self.input_resolutions_at(self.largest_resolution)

    def input_resolutions_at(self, resolution: int) -> tuple[int, ...]:
        """Returns the resolution of the input of each layer and of the head, in pixels."""
        found = [downsampled(resolution, self.stem.stride)]
        for layer in self.layers:
            found.append(downsampled(found[-1], layer.stride))
        return tuple(found)

    def with_task(
        self, num_classes: int, resolution: int | None = None, input_channels: int | None = None
    ) -> Self:
        """Returns the same network or space for another data set.

        If the resolution is a decision, `resolution` is the largest, and the others keep their
        ratio to it.
        """
        scale = (resolution or self.largest_resolution) / self.largest_resolution
        scaled = tuple(dict.fromkeys(max(1, round(scale * size)) for size in self.resolutions))
        return dataclasses.replace(  # type: ignore[type-var]  # Both are dataclasses.
            self,
            num_classes=num_classes,
            resolution=scaled if len(scaled) > 1 else scaled[0],
            input_channels=input_channels or self.input_channels,
        )


@dataclass(frozen=True, config=STRICT)
class Child(_Network):
    """A network with every choice made.

    Attributes:
        name: its name in tables.
        resolution: height and width of the input, in pixels.
        num_classes: width of the classifier.
        stem: the first convolution.
        layers: the blocks, in order. Identities are kept, so the indices are those of the space.
        head: the last convolution and the dropout rate.
        input_channels: 3 for colour, 1 for gray images.

    Example:
        >>> import nas
        >>> blocks = nas.Block(nas.MBConv(3, 1), 16, 16), nas.Block(nas.MBConv(5, 6), 16, 24)
        >>> child = nas.Child("mine", 32, 10, nas.Stem(16), blocks, nas.Head(64))
        >>> child.with_task(num_classes=5, resolution=64).input_shape
        (64, 64, 3)
        >>> nas.load_space("tiny").child([0, 1, 2]).layers[1].label
        'k5 e3, 8 -> 16 / 2'
    """

    name: Name
    resolution: Resolution
    num_classes: NumClasses
    stem: Stem
    layers: Annotated[tuple[Block, ...], Field(min_length=1, max_length=MOST_LAYERS)]
    head: Head
    input_channels: Channels = 3

    def __post_init__(self) -> None:
        _check_chain(self.stem, self.layers)
        for width in (self.stem.width, *(b.output_width for b in self.layers), *self.head.widths):
            number(width)

    @property
    def places(self) -> tuple[tuple[Block, int], ...]:
        """Each block with the resolution of its input, in pixels."""
        return tuple(zip(self.layers, self.input_resolutions, strict=False))


@dataclass(frozen=True, config=STRICT)
class SearchSpace(_Network):
    """The set of all networks that a search can choose from.

    Its decisions are rows, in this order: the operation of every slot, the widths in the order of
    `widths`, and the resolution if it has several. A network is one index a row, its choices.

    Attributes:
        name: its name in files and tables.
        resolution: height and width of the input, in pixels; or several, of which one is chosen.
        num_classes: width of the classifier.
        stem: the first convolution.
        layers: fixed blocks and slots, in order.
        head: the last convolution and the dropout rate of the children.
        input_channels: 3 for colour, 1 for gray images.
        widths: the numbers to choose from, by the names that stand for a width in stem, layers and
            head. All layers with one name have the same width. Only between two sides of one name,
            or of one number, is there a residual connection or an identity.

    Example:
        >>> import nas
        >>> space = nas.SearchSpace(
        ...     name="mine", resolution=16, num_classes=2, stem=nas.Stem(8), head=nas.Head(32),
        ...     layers=(
        ...         nas.Slot(8, 16, (nas.MBConv(3, 3), nas.MBConv(5, 6)), stride=2),
        ...         nas.Slot(16, 16, (nas.MBConv(3, 3), nas.MBConv(5, 6), nas.Skip())),
        ...     ),
        ... )
        >>> space.cardinality
        6
        >>> [block.label for block in space.child([1, 2]).layers]
        ['k5 e6, 8 -> 16 / 2', 'skip, 16 -> 16']
        >>> slot = nas.Slot(8, "w", (nas.MBConv(3, 3), nas.MBConv(5, 6)), stride=2)
        >>> space = nas.SearchSpace(
        ...     "wide", (12, 16), 2, nas.Stem(8), (slot,), nas.Head(32), widths={"w": (16, 24, 32)}
        ... )
        >>> child = space.child([1, 2, 0])
        >>> space.cardinality, child.layers[0].label, child.resolution
        (12, 'k5 e6, 8 -> 32 / 2', 12)
    """

    name: Name
    resolution: Resolutions
    num_classes: NumClasses
    stem: Stem
    layers: Annotated[
        tuple[Annotated[Block | Slot, Field(discriminator="type")], ...],
        Field(min_length=1, max_length=MOST_LAYERS),
    ]
    head: Head
    input_channels: Channels = 3
    widths: dict[WidthName, tuple[Width, ...]] = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check_chain(self.stem, self.layers)
        decisions.check_widths(self.stem, self.layers, self.head, self.widths)
        digits = sum(map(math.log10, self.option_counts))
        if digits > MOST_DIGITS:
            raise ValueError(
                f"layers: expected at most 10^{MOST_DIGITS} networks, received 10^{digits:.0f}; "
                "leave out slots or candidates"
            )

    @property
    def places(self) -> tuple[tuple[Block | Slot, int], ...]:
        """Each block or slot with the resolution of its input, in pixels, at the largest."""
        return tuple(zip(self.layers, self.input_resolutions, strict=False))

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Slot))

    @property
    def candidate_counts(self) -> tuple[int, ...]:
        """Number of candidates of each slot."""
        return tuple(len(slot.candidates) for slot in self.slots)

    @property
    def option_counts(self) -> tuple[int, ...]:
        """Number of options of each row: slots, widths, resolution."""
        widths = tuple(len(numbers) for numbers in self.widths.values())
        resolutions = len(self.resolutions)
        return self.candidate_counts + widths + ((resolutions,) if resolutions > 1 else ())

    @property
    def option_labels(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The name of each row in tables (`slot 3`, `width w2`), with those of its options."""
        slots = [
            (f"slot {i}", tuple(op.label for op in slot.candidates))
            for i, slot in enumerate(self.slots)
        ]
        widths = [(f"width {k}", tuple(map(str, numbers))) for k, numbers in self.widths.items()]
        pixels = ("resolution", tuple(map(str, self.resolutions)))
        return (*slots, *widths, *([pixels] if self.resolution_row is not None else []))

    @property
    def width_rows(self) -> dict[str, int]:
        """The row of each name of a width."""
        return {name: len(self.slots) + i for i, name in enumerate(self.widths)}

    @property
    def resolution_row(self) -> int | None:
        """The row of the resolution; None if it is fixed."""
        return len(self.slots) + len(self.widths) if len(self.resolutions) > 1 else None

    def of(self, child: Child) -> SearchSpace:
        """Returns the space of the same slots with the widths and the resolution of `child`."""
        return self.at(self._widths_of(child), child.resolution)

    @property
    def layer_rows(self) -> list[LayerRows]:
        """The rows that the stem, each layer and the head depend on; see `decisions`."""
        return decisions.layer_rows(self.stem, self.layers, self.head, self.widths)

    @property
    def decisions(self) -> frozenset[str]:
        """The kinds of its decisions: `operations`, `widths`, `resolutions`."""
        widths = {"widths"} if self.widths else set()
        resolutions = {"resolutions"} if self.resolution_row is not None else set()
        return frozenset({"operations"} | widths | resolutions)

    @property
    def num_candidates(self) -> int:
        """Number of candidates of all slots together."""
        return sum(self.candidate_counts)

    @property
    def cardinality(self) -> int:
        """Number of networks: one option in every row."""
        return math.prod(self.option_counts)

    @property
    def first_child(self) -> Child:
        """The network of the first option of every row, for uses where any network will do."""
        return self.child([0] * len(self.option_counts))

    @property
    def largest(self) -> SearchSpace:
        """The space of the same slots with every width and the resolution at its largest."""
        return self.at({name: max(numbers) for name, numbers in self.widths.items()})

    def at(self, widths: Mapping[str, int], resolution: int | None = None) -> SearchSpace:
        """Returns the space of the same slots with fixed widths and a fixed resolution.

        Args:
            widths: a number for every name.
            resolution: in pixels; the largest if not given.
        """
        return dataclasses.replace(
            self,
            resolution=resolution or self.largest_resolution,
            stem=self.stem.at(widths),
            layers=tuple(layer.at(widths) for layer in self.layers),
            head=self.head.at(widths),
            widths={},
        )

    def child(self, choices: Sequence[int], name: str | None = None) -> Child:
        """Returns the network with option `choices[i]` in row i.

        Raises:
            ValueError: there is not one choice per row, or a choice is no option of its row.
        """
        labels = self.option_labels
        if len(choices) != len(labels):
            rows = "slot" if len(labels) == len(self.slots) else "slot, width and resolution"
            raise ValueError(
                f"expected {len(labels)} choices, one per {rows}; received {len(choices)}"
            )
        for choice, (label, options) in zip(choices, labels, strict=True):
            if not 0 <= choice < len(options):
                raise ValueError(
                    f"{label}: expected a choice below {len(options)}, received {choice}"
                )
        chosen = {key: self.widths[key][choices[row]] for key, row in self.width_rows.items()}
        remaining = iter(choices)
        layers = tuple(
            layer.block(next(remaining)).at(chosen) if isinstance(layer, Slot) else layer.at(chosen)
            for layer in self.layers
        )
        row = self.resolution_row
        return Child(
            name or f"{self.name}_child",
            self.resolutions[0 if row is None else choices[row]],
            self.num_classes,
            self.stem.at(chosen),
            layers,
            self.head.at(chosen),
            self.input_channels,
        )

    def choices(self, child: Child) -> tuple[int, ...]:
        """Returns the option that `child` has in each row; the inverse of `child()`.

        The resolution of a child of a space with one resolution is not compared, and neither are
        the rates of dropout and the numbers of classes.

        Raises:
            ValueError: the child is not a network of this space.
        """

        def refusal(reason: str) -> ValueError:
            return ValueError(f"{child.name} is not a network of {self.name}: {reason}")

        if len(child.layers) != len(self.layers):
            raise refusal(f"expected {len(self.layers)} layers, received {len(child.layers)}")
        if len(child.head.widths) != len(self.head.widths):
            raise refusal(f"expected head {self.head}, received {child.head}")
        widths = self._widths_of(child)
        for name, width in widths.items():
            if width not in self.widths[name]:
                raise refusal(
                    f"expected one of {list(self.widths[name])} for the width {name}, received "
                    f"{width}"
                )
        space = self.at(widths)
        head = dataclasses.replace(space.head, dropout=child.head.dropout)
        for part, expected, received in (
            ("stem", space.stem, child.stem),
            ("head", head, child.head),
        ):
            if received != expected:
                raise refusal(f"expected {part} {expected}, received {received}")
        choices = []
        for i, (layer, block) in enumerate(zip(space.layers, child.layers, strict=True)):
            known = layer.blocks if isinstance(layer, Slot) else (layer,)
            if block not in known:
                raise refusal(f"layer {i} is {block.label}")
            if isinstance(layer, Slot):
                choices.append(known.index(block))
        choices += [self.widths[name].index(width) for name, width in widths.items()]
        if self.resolution_row is not None:
            if child.resolution not in self.resolutions:
                raise refusal(
                    f"expected one of {list(self.resolutions)} pixels, received {child.resolution}"
                )
            choices.append(self.resolutions.index(child.resolution))
        return tuple(choices)

    def _widths_of(self, child: Child) -> dict[str, int]:
        """Returns the number that `child` has where each name first stands."""
        own = [self.stem.width, *(layer.output_width for layer in self.layers), *self.head.widths]
        of_child = [child.stem.width, *(b.output_width for b in child.layers), *child.head.widths]
        return {name: number(of_child[own.index(name)]) for name in self.widths}
