"""Search spaces and child networks as plain, validated data.

This file imports no framework. Supernet, Keras child, counts and latency features all read these
dataclasses. `spec_json` reads and writes them as files.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.operations import STRICT
from nas.architecture.operations.stage import downsampled

# It names Keras models and TensorFlow scopes, which allow no other characters.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


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

    resolution: int
    input_channels: int
    stem: Stem
    layers: tuple[Block | Slot, ...]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return (self.resolution, self.resolution, self.input_channels)

    @property
    def input_resolutions(self) -> tuple[int, ...]:
        """Height and width of the input of each layer, and last of the head."""
        resolutions = [downsampled(self.resolution, self.stem.stride)]
        for layer in self.layers:
            resolutions.append(downsampled(resolutions[-1], layer.stride))
        return tuple(resolutions)

    def with_task(
        self, num_classes: int, resolution: int | None = None, input_channels: int | None = None
    ) -> Self:
        """Returns the same network or space for another data set."""
        return dataclasses.replace(  # type: ignore[type-var]  # Both are dataclasses.
            self,
            num_classes=num_classes,
            resolution=resolution or self.resolution,
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
    resolution: Annotated[int, Field(ge=1)]
    num_classes: Annotated[int, Field(ge=2)]
    stem: Stem
    layers: Annotated[tuple[Block, ...], Field(min_length=1)]
    head: Head
    input_channels: Literal[1, 3] = 3

    def __post_init__(self) -> None:
        _check_chain(self.stem, self.layers)

    @property
    def places(self) -> tuple[tuple[Block, int], ...]:
        """Each block with the resolution of its input, in pixels."""
        return tuple(zip(self.layers, self.input_resolutions, strict=False))


@dataclass(frozen=True, config=STRICT)
class SearchSpace(_Network):
    """The set of all networks that a search can choose from.

    Attributes:
        name: its name in files and tables.
        resolution: height and width of the input, in pixels.
        num_classes: width of the classifier.
        stem: the first convolution.
        layers: fixed blocks and slots, in order.
        head: the last convolution and the dropout rate of the children.
        input_channels: 3 for colour, 1 for gray images.

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
    """

    name: Name
    resolution: Annotated[int, Field(ge=1)]
    num_classes: Annotated[int, Field(ge=2)]
    stem: Stem
    layers: Annotated[
        tuple[Annotated[Block | Slot, Field(discriminator="type")], ...], Field(min_length=1)
    ]
    head: Head
    input_channels: Literal[1, 3] = 3

    def __post_init__(self) -> None:
        _check_chain(self.stem, self.layers)
        if not self.slots:
            raise ValueError("layers: expected at least one slot, received only fixed blocks")

    @property
    def places(self) -> tuple[tuple[Block | Slot, int], ...]:
        """Each block or slot with the resolution of its input, in pixels."""
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
    def num_candidates(self) -> int:
        """Number of candidates of all slots together."""
        return sum(self.candidate_counts)

    @property
    def cardinality(self) -> int:
        """Number of paths: one candidate in every slot."""
        return math.prod(self.candidate_counts)

    @property
    def first_child(self) -> Child:
        """The network of the first candidate of every slot, for uses where any network will do."""
        return self.child([0] * len(self.slots))

    def child(self, choices: Sequence[int], name: str | None = None) -> Child:
        """Returns the network with candidate `choices[i]` in slot i.

        Raises:
            ValueError: there is not one choice per slot, or a choice is no candidate of its slot.
        """
        if len(choices) != len(self.slots):
            raise ValueError(
                f"expected {len(self.slots)} choices, one per slot; received {len(choices)}"
            )
        for i, (choice, slot) in enumerate(zip(choices, self.slots, strict=True)):
            if not 0 <= choice < len(slot.candidates):
                raise ValueError(
                    f"slot {i}: expected a choice below {len(slot.candidates)}, received {choice}"
                )
        remaining = iter(choices)
        layers = tuple(
            layer.block(next(remaining)) if isinstance(layer, Slot) else layer
            for layer in self.layers
        )
        name = name or f"{self.name}_child"
        return Child(
            name,
            self.resolution,
            self.num_classes,
            self.stem,
            layers,
            self.head,
            self.input_channels,
        )

    def choices(self, child: Child) -> tuple[int, ...]:
        """Returns the candidate that `child` has in each slot; the inverse of `child()`.

        Raises:
            ValueError: the child is not a network of this space.
        """
        for part in ("stem", "head"):
            if getattr(child, part) != getattr(self, part):
                raise ValueError(
                    f"{child.name} is not a network of {self.name}: expected {part} "
                    f"{getattr(self, part)}, received {getattr(child, part)}"
                )
        if len(child.layers) != len(self.layers):
            raise ValueError(
                f"{child.name} is not a network of {self.name}: expected {len(self.layers)} "
                f"layers, received {len(child.layers)}"
            )
        choices = []
        for i, (layer, block) in enumerate(zip(self.layers, child.layers, strict=True)):
            known = layer.blocks if isinstance(layer, Slot) else (layer,)
            if block not in known:
                raise ValueError(
                    f"{child.name} is not a network of {self.name}: layer {i} is {block.label}"
                )
            if isinstance(layer, Slot):
                choices.append(known.index(block))
        return tuple(choices)
