"""The operators of a network: each method adds one and returns the tensor that it computes.

Kernels are drawn so that every convolution has outputs with a variance of about 1, as batch
normalization would give it. The ranges of quantized tensors follow from that, without calibration.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.direct import activations
from export.direct.graph import NONE, Graph, Quantization
from export.direct.number_formats import Float32
from nas.architecture.operations.weights import Weight

# Values are taken to lie within so many times their root mean square.
DEVIATIONS = 4.0
# The mean over pixels varies less than the pixels.
_OF_MEAN = 0.75


class Versions(NamedTuple):
    """The versions of an operator, by its numbers: the oldest that runtimes can load.

    Attributes:
        real: all tensors are float32.
        dynamic: the kernel is int8, the other tensors are float32.
        integers: all tensors are integers.
    """

    real: int = 1
    dynamic: int = 1
    integers: int = 2


VERSIONS = {
    "CONV_2D": Versions(1, 5, 3),
    "DEPTHWISE_CONV_2D": Versions(1, 6, 3),
    "FULLY_CONNECTED": Versions(1, 9, 4),
    "HARD_SWISH": Versions(1, 1, 1),
    "QUANTIZE": Versions(1, 1, 1),
}
"""Rows for the operators that differ from the defaults of `Versions`."""


@dataclasses.dataclass(frozen=True)
class Value:
    """A tensor between operators.

    Attributes:
        index: its index in the graph.
        shape: its shape, batch of one included.
        low: least value that it is expected to have.
        high: largest value.
        rms: root mean square of its values, roughly.
        quantization: None for float32.
    """

    index: int
    shape: tuple[int, ...]
    low: float
    high: float
    rms: float
    quantization: Quantization | None


class Operators:
    """Adds operators to a graph.

    Args:
        graph: the graph.
        numbers: how tensors hold numbers.
    """

    def __init__(self, graph: Graph, numbers: Float32) -> None:
        """Stores both."""
        self._graph = graph
        self._numbers = numbers

    def value(
        self, name: str, shape: tuple[int, ...], low: float, high: float, rms: float
    ) -> Value:
        """Adds a tensor between operators."""
        quantization = self._numbers.quantization(low, high)
        dtype = self._numbers.integers or "float32"
        index = self._graph.tensor(name, shape, dtype, quantization)
        return Value(index, shape, low, high, rms, quantization)

    def alike(self, name: str, shape: tuple[int, ...], x: Value) -> Value:
        """Adds a tensor with the range and the scale of `x`, as poolings need it."""
        return self.value(name, shape, x.low, x.high, x.rms)

    def operator(self, name: str, inputs: list[int], made: Value, options: Any = None) -> Value:
        """Adds an operator without a kernel; returns its output, `made`."""
        return self._operator(name, inputs, made, options, is_dynamic=False)

    def convolution(
        self,
        x: Value,
        kernel: Weight,
        stride: int,
        activation: str | None,
        name: str,
        bias: float = 0.0,
        padding: int = schema.Padding.SAME,
    ) -> Value:
        """Adds a convolution, and its activation if that is an operator of its own.

        Args:
            x: its input, `[1, height, width, channels]`.
            kernel: the kernel of the stage: height, width, input channels, output channels.
            stride: 1 or 2.
            activation: its activation; None for none.
            name: name of its tensors.
            bias: value of all biases, including what the folded normalization adds.
            padding: SAME or VALID.
        """
        height, width, inputs, outputs = kernel.shape
        fan_in = height * width * inputs
        ending = activations.ENDINGS[activation]
        options = schema.Conv2DOptionsT(
            padding=padding,
            strideW=stride,
            strideH=stride,
            fusedActivationFunction=ending.fused,
            quantizedBiasType=self._numbers.bias_type,
        )
        own = (outputs, height, width, inputs)
        return self._weighted("CONV_2D", x, own, 0, fan_in, bias, activation, options, name)

    def depthwise(
        self, x: Value, kernel: Weight, stride: int, activation: str | None, name: str
    ) -> Value:
        """Adds a depthwise convolution; the arguments are those of `convolution`."""
        height, width, channels, _ = kernel.shape
        options = schema.DepthwiseConv2DOptionsT(
            padding=schema.Padding.SAME,
            strideW=stride,
            strideH=stride,
            depthMultiplier=1,
            fusedActivationFunction=activations.ENDINGS[activation].fused,
        )
        own = (1, height, width, channels)
        return self._weighted(
            "DEPTHWISE_CONV_2D", x, own, 3, height * width, 0.0, activation, options, name
        )

    def dense(self, x: Value, outputs: int, activation: str | None, name: str) -> Value:
        """Adds a dense layer on `[1, channels]`; its biases are zero and left out."""
        (_, inputs) = x.shape
        options = schema.FullyConnectedOptionsT(
            fusedActivationFunction=activations.ENDINGS[activation].fused,
            quantizedBiasType=self._numbers.bias_type,
        )
        own = (outputs, inputs)
        return self._weighted("FULLY_CONNECTED", x, own, 0, inputs, None, activation, options, name)

    def mean(self, x: Value, keeps_axes: bool, name: str) -> Value:
        """Adds the mean over all pixels of `[1, height, width, channels]`."""
        batch, _, _, channels = x.shape
        shape = (batch, 1, 1, channels) if keeps_axes else (batch, channels)
        axes = self._graph.constant("axes", np.array([1, 2], np.int32))
        made = self.value(name, shape, _OF_MEAN * x.low, _OF_MEAN * x.high, _OF_MEAN * x.rms)
        return self.operator(
            "MEAN", [x.index, axes], made, schema.ReducerOptionsT(keepDims=keeps_axes)
        )

    def sum(self, x: Value, y: Value, name: str) -> Value:
        """Adds the sum of two tensors of equal shape."""
        rms = math.hypot(x.rms, y.rms)
        low = max(-DEVIATIONS * rms, x.low + y.low)
        made = self.value(name, x.shape, low, DEVIATIONS * rms, rms)
        options = schema.AddOptionsT(potScaleInt16=self._numbers.integers != "int16")
        return self.operator("ADD", [x.index, y.index], made, options)

    def multiply(self, x: Value, weight: Value, center: float, name: str) -> Value:
        """Adds the product of `x` and of one weight per channel with values around `center`."""
        made = self.value(name, x.shape, center * x.low, center * x.high, center * x.rms)
        return self.operator("MUL", [x.index, weight.index], made, schema.MulOptionsT())

    def converted(self, x: Value, name: str, dtype: str) -> Value:
        """Adds the conversion of a tensor of integers to another type, at the network's output."""
        quantization = shifted(x.quantization) if dtype == "uint8" else None
        index = self._graph.tensor(name, x.shape, dtype, quantization)
        made = dataclasses.replace(x, index=index, quantization=quantization)
        kind = "QUANTIZE" if dtype == "uint8" else "DEQUANTIZE"
        return self.operator(kind, [x.index], made)

    def quantized(self, x: Value, name: str) -> Value:
        """Adds the conversion of a tensor to integers, at the network's input."""
        return self.operator("QUANTIZE", [x.index], self.alike(name, x.shape, x))

    def _weighted(
        self,
        operator: str,
        x: Value,
        shape: tuple[int, ...],
        axis: int,
        fan_in: int,
        bias: float | None,
        activation: str | None,
        options: Any,
        name: str,
    ) -> Value:
        deviation = 1.0 / (math.sqrt(fan_in) * x.rms)
        kernel, scales = self._numbers.kernel(f"{name}_kernel", shape, deviation, axis)
        offset = NONE
        if bias is not None:
            values = np.full(shape[axis], bias)
            offset = self._numbers.bias(f"{name}_bias", values, x.quantization, scales)
        ending = activations.ENDINGS[activation]
        pixels = tuple(-(-size // options.strideH) for size in x.shape[1:-1])
        made_shape = (x.shape[0], *pixels, shape[axis])
        linear = bias or 0.0
        before = (linear - DEVIATIONS, linear + DEVIATIONS, math.hypot(1.0, linear))
        is_fused = ending.operator is None
        made = self.value(name, made_shape, *(ending.after(*before) if is_fused else before))
        is_dynamic = scales is not None and x.quantization is None
        if is_dynamic and operator == "FULLY_CONNECTED":
            options.asymmetricQuantizeInputs = True
        made = self._operator(operator, [x.index, kernel, offset], made, options, is_dynamic)
        if ending.operator is None:
            return made
        after = self.value(f"{name}_{activation}", made_shape, *ending.after(*before))
        return self.operator(ending.operator, [made.index], after)

    def _operator(
        self, name: str, inputs: list[int], made: Value, options: Any, is_dynamic: bool
    ) -> Value:
        versions = VERSIONS.get(name, Versions())
        version = versions.dynamic if is_dynamic else versions.real
        version = versions.integers if self._numbers.integers else version
        self._graph.operator(name, version, inputs, made.index, options)
        return made


def shifted(quantization: Quantization | None) -> Quantization:
    """Returns the quantization of int8 values as uint8: with a zero point larger by 128.

    Raises:
        ValueError: the tensor is not quantized.
    """
    if quantization is None:
        raise ValueError("expected a quantized tensor, received one of float32")
    return quantization._replace(zero_point=quantization.zero_point + 128)
