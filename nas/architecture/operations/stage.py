"""A stage: convolution, batch normalization, activation. What every candidate is made of."""

import math
from typing import Literal

import pydantic
from pydantic.dataclasses import dataclass

Activation = Literal["relu", "relu6"]

STRICT = pydantic.ConfigDict(extra="forbid")


@dataclass(frozen=True, config=STRICT)
class Stage:
    """One convolution without bias, its batch normalization and an optional activation.

    A `conv` maps `input_width` to `output_width` channels; a `depthwise` filters each channel by
    itself and keeps the width.
    """

    type: Literal["conv", "depthwise"]
    kernel_size: int
    stride: int
    input_width: int
    output_width: int
    activation: Activation | None

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """Shape of the kernel as TensorFlow stores it: height, width, input, output (or 1)."""
        filters = 1 if self.type == "depthwise" else self.output_width
        return (self.kernel_size, self.kernel_size, self.input_width, filters)

    @property
    def num_weights(self) -> int:
        """Trainable values: the kernel, and the batch normalization's scale and offset."""
        return math.prod(self.kernel_shape) + 2 * self.output_width
