"""Stages that compute on the mean over all pixels."""

import dataclasses
from typing import ClassVar

from nas.architecture.operations.activations import Activation
from nas.architecture.operations.bottlenecks import scaled_width
from nas.architecture.operations.stage import KeepsWidth, Stage
from nas.architecture.operations.weights import Bank, Weight, kernel


@dataclasses.dataclass(frozen=True)
class Squeeze(KeepsWidth, Stage):  # type: ignore[override]
    """Squeeze-and-excitation (Hu et al. 2018, figure 3): channels weighed by what all pixels show.

    The weight of a channel is relu6(W z + b), six times a hard sigmoid. The normalization after
    the next convolution absorbs the six.
    """

    type: ClassVar[str] = "squeeze"
    stride: ClassVar[int] = 1  # type: ignore[misc]
    activation: ClassVar[None] = None  # type: ignore[misc]

    width: int
    bottleneck: int

    @classmethod
    def of_ratio(cls, width: int, ratio: float) -> tuple["Squeeze", ...]:
        """Returns the stage with a bottleneck of `ratio` times `width`; none if the ratio is 0."""
        return (cls(width, scaled_width(width, ratio)),) if ratio else ()

    @property
    def weights(self) -> tuple[Weight, ...]:
        """See `Stage`; every channel starts half open."""
        wide, narrow = self.width, self.bottleneck
        return (
            kernel("reduce_kernel", (1, 1, wide, narrow), wide, narrow),
            Weight("reduce_bias", (narrow,), Bank.AFFINE),
            kernel("expand_kernel", (1, 1, narrow, wide), narrow, wide),
            Weight("expand_bias", (wide,), Bank.AFFINE, 3.0),
        )

    def macs(self, resolution: int) -> int:
        """See `Stage`; it acts on one pixel, the mean of all."""
        return 2 * self.width * self.bottleneck

    @property
    def own_operators(self) -> tuple[str, ...]:
        """See `Stage`."""
        return ("MEAN", "CONV_2D", "CONV_2D", "MUL")

    def operators(self, resolution: int) -> tuple[str, ...]:
        """See `Stage`; one pixel is its own mean, which the converter leaves out."""
        return self.own_operators[1:] if resolution == 1 else self.own_operators


@dataclasses.dataclass(frozen=True)
class Pooled(Stage):
    """The mean over all pixels, then a dense layer with bias and activation (MobileNetV3).

    It has no normalization, as in the networks published with torchvision.
    """

    type: ClassVar[str] = "pooled"
    stride: ClassVar[int] = 1  # type: ignore[misc]

    input_width: int
    output_width: int
    activation: Activation | None

    @property
    def weights(self) -> tuple[Weight, ...]:
        """See `Stage`."""
        inputs, outputs = self.input_width, self.output_width
        own = kernel("kernel", (1, 1, inputs, outputs), inputs, outputs)
        return (own, Weight("bias", (outputs,), Bank.AFFINE))

    def macs(self, resolution: int) -> int:
        """See `Stage`; it acts on one pixel, the mean of all."""
        return self.input_width * self.output_width

    def output_resolution(self, resolution: int) -> int:
        """See `Stage`."""
        return 1

    @property
    def own_operators(self) -> tuple[str, ...]:
        """See `Stage`; the mean is that of every head."""
        return ("FULLY_CONNECTED",)
