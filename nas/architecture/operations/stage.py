"""A stage: one step of the chain that an operation runs.

A stage is described once, as plain data: its weights, its multiply-accumulates, its operators in a
`.tflite` file. Every reader (supernet, Keras child, counts, exports, latency features) follows from
this description. What a framework must know beyond it stands in one table a reader, keyed by
`Stage.type`:

- `nas.layers.stage_functions.STAGE_FUNCTIONS`: its arithmetic in TensorFlow.
- `nas.layers.stage_layers.STAGE_LAYERS`: its Keras layers.
- `latency_models.models.features.STAGE_FEATURES`: what its latency grows with.
"""

import abc
from collections.abc import Iterable, Iterator
from typing import ClassVar

import pydantic

from nas.architecture.operations.activations import ACTIVATIONS, Activation
from nas.architecture.operations.weights import Bank, Weight

STRICT = pydantic.ConfigDict(extra="forbid")


def downsampled(resolution: int, stride: int) -> int:
    """Height and width after a stride with TensorFlow's SAME padding."""
    return -(-resolution // stride)


class Stage(abc.ABC):
    """One step of a chain. A subclass is a frozen dataclass.

    Attributes:
        type: key of the readers' tables.
        gains: names of the weights in which the stage is linear before its activation. A gate
            multiplies them instead of the output, and a supernet starts them small in a residual
            block.
        input_width: channels of its input.
        output_width: channels of its output.
        stride: 1 or 2.
        activation: what it ends with; None for nothing.
    """

    type: ClassVar[str]
    gains: ClassVar[tuple[str, ...]] = ()

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
        """Multiply-accumulates on a square input of `resolution` pixels.

        Convolutions only, as papers count them: batch normalization, activations and additions
        are left out.
        """

    @property
    @abc.abstractmethod
    def own_operators(self) -> tuple[str, ...]:
        """Operators in a `.tflite` file, those of the activation apart."""

    @property
    def operators(self) -> tuple[str, ...]:
        """Operators in a `.tflite` file."""
        activation = ACTIVATIONS[self.activation].operators if self.activation else ()
        return self.own_operators + activation

    @property
    def is_pointwise(self) -> bool:
        """Whether it is a 1x1 convolution with stride 1, a matrix product for each pixel."""
        return False

    @property
    def kernels(self) -> tuple[Weight, ...]:
        """The weights with four axes."""
        return tuple(weight for weight in self.weights if weight.bank is Bank.KERNELS)

    @property
    def num_weights(self) -> int:
        """Trainable values."""
        return sum(weight.size for weight in self.weights if weight.bank.is_trainable)


def with_resolutions(stages: Iterable[Stage], resolution: int) -> Iterator[tuple[Stage, int]]:
    """Each stage of a chain with the resolution of its input.

    Args:
        stages: the chain.
        resolution: height and width of the chain's input, in pixels.
    """
    for stage in stages:
        yield stage, resolution
        resolution = downsampled(resolution, stage.stride)
