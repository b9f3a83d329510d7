"""Blocks, slots, stem and head: the layers of networks and spaces, as plain, validated data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from nas.architecture.operations import STRICT, Activation, AnyOperation, Conv, Pooled, Stage
from nas.architecture.operations.bottlenecks import KernelSize
from nas.architecture.sizes import MOST_CANDIDATES, NamedWidth, Stride, number, resolved


@dataclass(frozen=True, config=STRICT)
class Block:
    """One operation with its widths and its stride: a layer of a child network.

    In a space, a width may also be the name of a width decision (`SearchSpace.widths`). Only a
    block whose widths are numbers has stages.

    Attributes:
        op: the operation.
        input_width: channels of its input.
        output_width: channels of its output.
        stride: 1 or 2.
        residual: whether an operation with a residual connection adds its input if the stride is 1
            and the widths are equal. False between two width decisions that happen to be equal.

    Example:
        >>> import nas
        >>> block = nas.Block(nas.MBConv(5, 3), 24, 24)
        >>> block.label, block.has_residual
        ('k5 e3, 24 -> 24', True)
        >>> [stage.type for stage in block.stages]
        ['conv', 'depthwise', 'conv']
    """

    op: AnyOperation
    input_width: NamedWidth
    output_width: NamedWidth
    stride: Stride = 1
    residual: bool = True
    type: Literal["block"] = "block"

    def __post_init__(self) -> None:
        _check_numbers(self)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The chain of stages; empty for an identity."""
        make = self.op.stages if self.residual else self.op.reshaping_stages
        return make(number(self.input_width), number(self.output_width), self.stride)

    @property
    def has_residual(self) -> bool:
        """Whether the input is added to the output of the last stage."""
        return self.op.has_residual and self.residual and _keeps_shape(self)

    @property
    def is_identity(self) -> bool:
        """Whether the block returns its input and costs nothing."""
        return not self.stages

    @property
    def label(self) -> str:
        """Short name in tables, for example `k5 e3, 24 -> 40 / 2`."""
        end = f" / {self.stride}" if self.stride > 1 else ""
        end += "" if self.residual else ", no residual"
        return f"{self.op.label}, {self.input_width} -> {self.output_width}{end}"

    def at(self, widths: Mapping[str, int]) -> Block:
        """Returns the block with a number for each name of a width."""
        return _at(self, widths)


@dataclass(frozen=True, config=STRICT)
class Slot:
    """One place of the network where the search chooses between operations of equal shape.

    A width may also be the name of a width decision (`SearchSpace.widths`). Only a slot whose
    widths are numbers has blocks.

    Attributes:
        input_width: channels of its input.
        output_width: channels of its output.
        candidates: the operations.
        stride: 1 or 2.
        residual: as in `Block`.

    Example:
        >>> import nas
        >>> slot = nas.Slot(24, 40, (nas.MBConv(3, 3), nas.MBConv(5, 6)), stride=2)
        >>> [block.label for block in slot.blocks]
        ['k3 e3, 24 -> 40 / 2', 'k5 e6, 24 -> 40 / 2']
    """

    input_width: NamedWidth
    output_width: NamedWidth
    candidates: Annotated[tuple[AnyOperation, ...], Field(min_length=2, max_length=MOST_CANDIDATES)]
    stride: Stride = 1
    residual: bool = True
    type: Literal["slot"] = "slot"

    def __post_init__(self) -> None:
        if len(set(self.candidates)) < len(self.candidates):
            raise ValueError("candidates: expected different operations, received one twice")
        _check_numbers(self)

    def block(self, choice: int) -> Block:
        """Returns the block with candidate number `choice` as its operation."""
        return Block(
            self.candidates[choice],
            self.input_width,
            self.output_width,
            self.stride,
            self.residual,
        )

    def at(self, widths: Mapping[str, int]) -> Slot:
        """Returns the slot with a number for each name of a width."""
        return _at(self, widths)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """One block per candidate."""
        return tuple(self.block(j) for j in range(len(self.candidates)))


Layer = TypeVar("Layer", Block, Slot)


def _keeps_shape(layer: Block | Slot) -> bool:
    return layer.stride == 1 and layer.input_width == layer.output_width


def refusal(layer: Block | Slot, input_width: int, output_width: int) -> str | None:
    """Returns why an operation of a layer cannot have these widths, with its place; or None."""
    operations = (
        {f"candidates[{j}]": op for j, op in enumerate(layer.candidates)}
        if isinstance(layer, Slot)
        else {"op": layer.op}
    )
    for place, op in operations.items():
        reason = op.refusal(input_width, output_width, layer.stride)
        if reason:
            return f"{place}: {op.label} cannot be used here: {reason}"
    return None


def _check_numbers(layer: Block | Slot) -> None:
    """Raises ValueError if an operation cannot have the layer's widths, once these are numbers."""
    if isinstance(layer.input_width, int) and isinstance(layer.output_width, int):
        reason = refusal(layer, layer.input_width, layer.output_width)
        if reason:
            raise ValueError(reason)


def _at(layer: Layer, widths: Mapping[str, int]) -> Layer:
    """Returns a layer with numbers; without residual if different decisions are equal by chance."""
    input_width = resolved(layer.input_width, widths)
    output_width = resolved(layer.output_width, widths)
    is_same = layer.input_width == layer.output_width
    coincide = not is_same and layer.stride == 1 and input_width == output_width
    return dataclasses.replace(
        layer,
        input_width=input_width,
        output_width=output_width,
        residual=layer.residual and not coincide,
    )


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

    width: NamedWidth
    kernel_size: KernelSize = 3
    stride: Stride = 2
    activation: Activation = "relu6"

    def stage(self, input_channels: int) -> Stage:
        """Returns the stem as a stage on an image of `input_channels`."""
        width = number(self.width)
        return Conv(self.kernel_size, self.stride, input_channels, width, self.activation)

    def at(self, widths: Mapping[str, int]) -> Stem:
        """Returns the stem with a number for the name of its width."""
        return dataclasses.replace(self, width=resolved(self.width, widths))


@dataclass(frozen=True, config=STRICT)
class Head:
    """The last 1x1 convolution, before global average pooling, dropout and the classifier.

    With `pooled_width` a dense layer of that width follows the pooling (MobileNetV3, Howard et al.
    2019, figure 5). It has the activation of the convolution, a bias and no normalization.

    In a space, both widths may be names of width decisions (`SearchSpace.widths`).

    Example:
        >>> import dataclasses, nas
        >>> space = nas.load_space("cifar")
        >>> nas.num_params(space.first_child)
        95290
        >>> space = dataclasses.replace(space, head=nas.Head(256, dropout=0.2))
        >>> nas.num_params(space.first_child)
        105018
    """

    width: NamedWidth
    activation: Activation = "relu6"
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    pooled_width: NamedWidth | None = None

    @property
    def output_width(self) -> int:
        """Channels that the classifier receives."""
        return number(self.width if self.pooled_width is None else self.pooled_width)

    @property
    def widths(self) -> tuple[int | str, ...]:
        """The width of the convolution, and of the dense layer if there is one."""
        return (self.width,) if self.pooled_width is None else (self.width, self.pooled_width)

    @property
    def decides_pooled_width(self) -> bool:
        """Whether the pooled width is a decision other than that of the convolution."""
        return isinstance(self.pooled_width, str) and self.pooled_width != self.width

    def stages(self, input_width: int | str) -> tuple[Stage, ...]:
        """Returns the stages before the classifier, on `input_width` channels."""
        width = number(self.width)
        convolution = Conv(1, 1, number(input_width), width, self.activation)
        if self.pooled_width is None:
            return (convolution,)
        return convolution, Pooled(width, number(self.pooled_width), self.activation)

    def at(self, widths: Mapping[str, int]) -> Head:
        """Returns the head with a number for each name of a width."""
        numbers = [resolved(width, widths) for width in self.widths]
        return dataclasses.replace(
            self, width=numbers[0], pooled_width=numbers[1] if numbers[1:] else None
        )
