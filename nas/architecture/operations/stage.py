"""A stage: one step of the chain that an operation runs.

A stage is described once, as plain data: its weights, its multiply-accumulates, its operators in a
`.tflite` file. Supernet, Keras child, counts, exports and latency features all read this
description. A reader that must know more has one table with a row for each `Stage.type`:

- `nas.layers.stage_functions.STAGE_FUNCTIONS`: its arithmetic in TensorFlow.
- `nas.layers.stage_layers.STAGE_LAYERS`: its Keras layers.
- `export.direct.stage_operators.STAGE_OPERATORS`: its operators in a file that is only timed.
- `latency_models.measuring.features.STAGE_FEATURES`: the features that its latency depends on.
"""

import abc
from collections.abc import Iterable, Iterator
from typing import ClassVar

import pydantic

from nas.architecture.operations.activations import ACTIVATIONS, Activation
from nas.architecture.operations.weights import Bank, Weight

STRICT = pydantic.ConfigDict(extra="forbid")


def downsampled(resolution: int, stride: int) -> int:
    """Returns height and width after a stride with TensorFlow's SAME padding."""
    return -(-resolution // stride)


class Stage(abc.ABC):
    """One step of a chain. A subclass is a frozen dataclass.

    Attributes:
        type: key of the tables that the module docstring lists.
        gains: names of the weights in which the stage is linear before its activation. A gate
            multiplies them instead of the output, and a supernet starts them small in a residual
            block.
        mixes_channels: whether a channel of its output depends on other channels of its input.
        input_width: channels of its input.
        output_width: channels of its output.
        stride: 1 or 2.
        activation: its activation; None for no activation.
    """

    type: ClassVar[str]
    gains: ClassVar[tuple[str, ...]] = ()
    mixes_channels: ClassVar[bool] = True

    input_width: int
    output_width: int
    stride: int
    activation: Activation | None

    @property
    @abc.abstractmethod
    def weights(self) -> tuple[Weight, ...]:
        """Its weights, in the order in which its Keras layers hold them."""

    @abc.abstractmethod
    def macs(self, resolution: int) -> int:
        """Returns the multiply-accumulates on a square input of `resolution` pixels.

        Convolutions only, as papers count them: batch normalization, activations and additions
        are left out.
        """

    def output_resolution(self, resolution: int) -> int:
        """Returns height and width of the output, for an input of `resolution` pixels."""
        return downsampled(resolution, self.stride)

    @property
    @abc.abstractmethod
    def own_operators(self) -> tuple[str, ...]:
        """Operators in a `.tflite` file, without those of the activation."""

    def operators(self, resolution: int) -> tuple[str, ...]:
        """Returns the operators in a `.tflite` file, for an input of `resolution` pixels."""
        del resolution
        activation = ACTIVATIONS[self.activation].operators if self.activation else ()
        return self.own_operators + activation

    @property
    def is_pointwise(self) -> bool:
        """Whether it is a 1x1 convolution with stride 1: one matrix product per pixel."""
        return False

    @property
    def kernels(self) -> tuple[Weight, ...]:
        """The weights with four axes."""
        return tuple(weight for weight in self.weights if weight.bank is Bank.KERNELS)

    @property
    def num_weights(self) -> int:
        """Number of trainable values."""
        return sum(weight.size for weight in self.weights if weight.bank.is_trainable)


class KeepsWidth:
    """Base of a stage whose output has as many channels as its input: the field `width`."""

    width: int

    @property
    def input_width(self) -> int:
        """See `Stage`."""
        return self.width

    @property
    def output_width(self) -> int:
        """See `Stage`."""
        return self.width


def with_resolutions(stages: Iterable[Stage], resolution: int) -> Iterator[tuple[Stage, int]]:
    """Yields each stage of a chain with the resolution of its input.

    Args:
        stages: the chain.
        resolution: height and width of the chain's input, in pixels.
    """
    for stage in stages:
        yield stage, resolution
        resolution = stage.output_resolution(resolution)
