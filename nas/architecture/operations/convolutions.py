"""The stages of inverted bottlenecks: convolution, batch normalization, optional activation."""

import dataclasses
from typing import ClassVar

from nas.architecture.operations.activations import Activation
from nas.architecture.operations.stage import KeepsWidth, Stage, downsampled
from nas.architecture.operations.weights import Weight, kernel, normalization


@dataclasses.dataclass(frozen=True)
class Conv(Stage):
    """A convolution without bias, its batch normalization, an optional activation."""

    type: ClassVar[str] = "conv"
    gains: ClassVar[tuple[str, ...]] = ("scale", "offset")

    kernel_size: int
    stride: int
    input_width: int
    output_width: int
    activation: Activation | None

    @property
    def weights(self) -> tuple[Weight, ...]:
        """See `Stage`."""
        size, inputs, outputs = self.kernel_size, self.input_width, self.output_width
        shape = (size, size, inputs, outputs)
        return (kernel("kernel", shape, size**2 * inputs, outputs), *normalization(outputs))

    def macs(self, resolution: int) -> int:
        """See `Stage`."""
        pixels = downsampled(resolution, self.stride) ** 2
        return pixels * self.kernel_size**2 * self.input_width * self.output_width

    @property
    def own_operators(self) -> tuple[str, ...]:
        """See `Stage`; the batch normalization is folded into the convolution."""
        return ("CONV_2D",)

    @property
    def is_pointwise(self) -> bool:
        """See `Stage`."""
        return self.kernel_size == self.stride == 1


@dataclasses.dataclass(frozen=True)
class Depthwise(KeepsWidth, Stage):  # type: ignore[override]
    """A depthwise convolution without bias, its batch normalization, an optional activation.

    It filters each of its `width` channels by itself.
    """

    type: ClassVar[str] = "depthwise"
    gains: ClassVar[tuple[str, ...]] = ("scale", "offset")
    mixes_channels: ClassVar[bool] = False

    kernel_size: int
    stride: int
    width: int
    activation: Activation | None

    @property
    def weights(self) -> tuple[Weight, ...]:
        """See `Stage`."""
        size, width = self.kernel_size, self.width
        own = kernel("kernel", (size, size, width, 1), size**2, width)
        return (own, *normalization(width))

    def macs(self, resolution: int) -> int:
        """See `Stage`."""
        return downsampled(resolution, self.stride) ** 2 * self.kernel_size**2 * self.width

    @property
    def own_operators(self) -> tuple[str, ...]:
        """See `Stage`; the batch normalization is folded into the convolution."""
        return ("DEPTHWISE_CONV_2D",)
