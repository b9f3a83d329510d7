"""Search spaces and child networks as plain, validated data.

Nothing here knows a framework. The supernet, the Keras child network, the cost counters and the
latency features are all readers of these dataclasses; `spec_json` has them as files.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from nas.architecture.operations import STRICT, Activation, AnyOperation, Conv, Stage
from nas.architecture.operations.stage import downsampled

Width = Annotated[int, Field(ge=1)]
# Becomes the name of Keras models and TensorFlow scopes, which take no other characters.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Stride = Literal[1, 2]


@dataclass(frozen=True, config=STRICT)
class Block:
    """One operation in its place: what a child network is made of, and what is benchmarked.

    Example:
        >>> import nas
        >>> block = nas.Block(nas.MBConv(5, 3), 24, 24)
        >>> block.label, block.has_residual
        ('k5 e3, 24 -> 24', True)
        >>> [stage.type for stage in block.stages]
        ['conv', 'depthwise', 'conv']
    """

    op: AnyOperation
    input_width: Width
    output_width: Width
    stride: Stride = 1
    type: Literal["block"] = "block"

    def __post_init__(self) -> None:
        reason = self.op.refusal(self.input_width, self.output_width, self.stride)
        if reason:
            raise ValueError(f"op: {self.op.label} cannot stand here: {reason}")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The chain of stages; empty for an identity."""
        return self.op.stages(self.input_width, self.output_width, self.stride)

    @property
    def has_residual(self) -> bool:
        """Whether the input is added to the output of the last stage."""
        return self.op.has_residual and self.stride == 1 and self.input_width == self.output_width

    @property
    def is_identity(self) -> bool:
        """Whether the block returns its input and costs nothing."""
        return not self.stages

    @property
    def label(self) -> str:
        """Short name used in tables, for example `k5 e3, 24 -> 40 / 2`."""
        stride = f" / {self.stride}" if self.stride > 1 else ""
        return f"{self.op.label}, {self.input_width} -> {self.output_width}{stride}"


@dataclass(frozen=True, config=STRICT)
class Slot:
    """One place where a choice is made between candidate operations of equal shape.

    Example:
        >>> import nas
        >>> slot = nas.Slot(24, 40, (nas.MBConv(3, 3), nas.MBConv(5, 6)), stride=2)
        >>> [block.label for block in slot.blocks]
        ['k3 e3, 24 -> 40 / 2', 'k5 e6, 24 -> 40 / 2']
    """

    input_width: Width
    output_width: Width
    candidates: Annotated[tuple[AnyOperation, ...], Field(min_length=2)]
    stride: Stride = 1
    type: Literal["slot"] = "slot"

    def __post_init__(self) -> None:
        if len(set(self.candidates)) < len(self.candidates):
            raise ValueError("candidates: expected different operations, received one twice")
        for i, op in enumerate(self.candidates):
            reason = op.refusal(self.input_width, self.output_width, self.stride)
            if reason:
                raise ValueError(f"candidates[{i}]: {op.label} cannot stand here: {reason}")

    def block(self, choice: int) -> Block:
        """The block that candidate number `choice` makes here."""
        return Block(self.candidates[choice], self.input_width, self.output_width, self.stride)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """One block a candidate."""
        return tuple(self.block(j) for j in range(len(self.candidates)))


@dataclass(frozen=True, config=STRICT)
class Stem:
    """The first convolution.

    Example:
        >>> import dataclasses, nas
        >>> space = nas.load_space("cifar")
        >>> space.input_resolutions
        (16, 16, 8, 8, 8, 4, 4, 4)
        >>> dataclasses.replace(space, stem=nas.Stem(16, stride=1)).input_resolutions
        (32, 32, 16, 16, 16, 8, 8, 8)
    """

    width: Width
    kernel_size: Annotated[int, Field(ge=1, le=11)] = 3
    stride: Stride = 2
    activation: Activation = "relu6"

    def stage(self, input_channels: int) -> Stage:
        """The stem as a stage on an image of `input_channels`."""
        return Conv(self.kernel_size, self.stride, input_channels, self.width, self.activation)


@dataclass(frozen=True, config=STRICT)
class Head:
    """The last 1x1 convolution, before global average pooling, dropout and the classifier.

    Example:
        >>> import dataclasses, nas
        >>> space = nas.load_space("cifar")
        >>> nas.num_params(space.first_child)
        95290
        >>> space = dataclasses.replace(space, head=nas.Head(256, dropout=0.2))
        >>> nas.num_params(space.first_child)
        105018
    """

    width: Width
    activation: Activation = "relu6"
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0

    def stage(self, input_width: int) -> Stage:
        """The head as a stage on `input_width` channels."""
        return Conv(1, 1, input_width, self.width, self.activation)


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
    """What a child and a space have in common."""

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
        """Height and width seen by each layer, and last by the head."""
        resolutions = [downsampled(self.resolution, self.stem.stride)]
        for layer in self.layers:
            resolutions.append(downsampled(resolutions[-1], layer.stride))
        return tuple(resolutions)

    def with_task(
        self, num_classes: int, resolution: int | None = None, input_channels: int | None = None
    ) -> Self:
        """The same for another data set."""
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
        name: how tables call it.
        resolution: height and width of the input, in pixels.
        num_classes: width of the classifier.
        stem: the first convolution.
        layers: the blocks, in order; identities stay in the list so that slots keep their places.
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
    """Every network the search may return.

    Attributes:
        name: how files and tables call it.
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
        """The places where a choice is made, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Slot))

    @property
    def candidate_counts(self) -> tuple[int, ...]:
        """Number of candidates of each slot."""
        return tuple(len(slot.candidates) for slot in self.slots)

    @property
    def num_candidates(self) -> int:
        """Candidates over all slots."""
        return sum(self.candidate_counts)

    @property
    def cardinality(self) -> int:
        """Number of different choices."""
        return math.prod(self.candidate_counts)

    @property
    def first_child(self) -> Child:
        """The network of every slot's first candidate, where any network serves."""
        return self.child([0] * len(self.slots))

    def child(self, choices: Sequence[int], name: str | None = None) -> Child:
        """The network that takes candidate `choices[i]` in slot i.

        Raises:
            ValueError: not one choice a slot, or a choice outside the slot's candidates.
        """
        if len(choices) != len(self.slots):
            raise ValueError(
                f"expected {len(self.slots)} choices, one a slot; received {len(choices)}"
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
        """Which candidate of each slot `child` took; the inverse of `child()`.

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
