"""Blocks, slots, stem and head: the layers of networks and spaces, as plain, validated data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from nas.architecture.operations import STRICT, Activation, AnyOperation, Conv, Pooled, Stage

Width = Annotated[int, Field(ge=1)]


Stride = Literal[1, 2]


@dataclass(frozen=True, config=STRICT)
class Block:
    """One operation with its widths and its stride: a layer of a child network.

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
            raise ValueError(f"op: {self.op.label} cannot be used here: {reason}")

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
        """Short name in tables, for example `k5 e3, 24 -> 40 / 2`."""
        stride = f" / {self.stride}" if self.stride > 1 else ""
        return f"{self.op.label}, {self.input_width} -> {self.output_width}{stride}"


@dataclass(frozen=True, config=STRICT)
class Slot:
    """One place of the network where the search chooses between operations of equal shape.

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
                raise ValueError(f"candidates[{i}]: {op.label} cannot be used here: {reason}")

    def block(self, choice: int) -> Block:
        """Returns the block with candidate number `choice` as its operation."""
        return Block(self.candidates[choice], self.input_width, self.output_width, self.stride)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """One block per candidate."""
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
        """Returns the stem as a stage on an image of `input_channels`."""
        return Conv(self.kernel_size, self.stride, input_channels, self.width, self.activation)


@dataclass(frozen=True, config=STRICT)
class Head:
    """The last 1x1 convolution, before global average pooling, dropout and the classifier.

    With `pooled_width` a dense layer of that width follows the pooling (MobileNetV3, Howard et al.
    2019, figure 5). It has the activation of the convolution, a bias and no normalization.

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
    pooled_width: Width | None = None

    @property
    def output_width(self) -> int:
        """Channels that the classifier receives."""
        return self.pooled_width or self.width

    def stages(self, input_width: int) -> tuple[Stage, ...]:
        """Returns the stages before the classifier, on `input_width` channels."""
        convolution = Conv(1, 1, input_width, self.width, self.activation)
        if self.pooled_width is None:
            return (convolution,)
        return convolution, Pooled(self.width, self.pooled_width, self.activation)
