"""How the tensors of a recipe hold real numbers: one class for each pair of types.

The pair is the type of the kernels and that of the tensors between operators (`Recipe.weights`,
`Recipe.activations`). The kernels are random. Quantized ones are drawn as integers, because
drawing millions of real numbers and rounding them takes longer than all the rest.
"""

import math
from typing import ClassVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.direct.graph import Graph, Quantization
from export.recipes import Recipe

# The range of a symmetric int8 kernel, and the standard deviation of uniform integers in it.
_MOST_INT8 = 127
_INT8_DEVIATION = math.sqrt(_MOST_INT8 * (_MOST_INT8 + 1) / 3.0)
# Channels of a trained kernel differ in scale; these differ by up to this factor either way.
_CHANNEL_FACTOR = 1.25
# The converter leaves smaller kernels float32, if activations are quantized at run time.
_LEAST_DYNAMIC = 1024


class Float32:
    """Everything is float32.

    Attributes:
        integers: type of the tensors between operators if they are quantized, else None.
        bias_type: what the options of a convolution say about the type of quantized biases.
    """

    integers: ClassVar[str | None] = None
    bias_type: ClassVar[int] = 0

    def __init__(self, graph: Graph, seed: int) -> None:
        """Stores the graph; `seed` is that of the kernels."""
        self._graph = graph
        self._random = np.random.default_rng(seed)

    def quantization(self, low: float, high: float) -> Quantization | None:
        """Returns how a tensor with values from `low` to `high` is quantized; None for float."""
        del low, high
        return None

    def kernel(
        self, name: str, shape: tuple[int, ...], deviation: float, axis: int
    ) -> tuple[int, Quantization | None]:
        """Adds a random kernel.

        Args:
            name: name of the tensor.
            shape: its shape in the file.
            deviation: standard deviation of its values.
            axis: axis of its output channels.

        Returns:
            Index of the tensor that an operator reads, and its quantization.
        """
        del axis
        values = self._random.standard_normal(shape, np.float32) * np.float32(deviation)
        return self._constant(name, values), None

    def bias(
        self, name: str, values: np.ndarray, given: Quantization | None, kernel: Quantization | None
    ) -> int:
        """Adds a bias; returns its index.

        Args:
            name: name of the tensor.
            values: the real values.
            given: quantization of the convolution's input.
            kernel: quantization of its kernel.
        """
        del given, kernel
        return self._constant(name, values.astype(np.float32))

    def _constant(self, name: str, values: np.ndarray) -> int:
        return self._graph.constant(name, values)

    def _random_integers(
        self, name: str, shape: tuple[int, ...], deviation: float, axis: int, scales: int
    ) -> tuple[int, Quantization]:
        values = self._random.integers(-_MOST_INT8, _MOST_INT8, shape, np.int8, endpoint=True)
        spread = self._random.uniform(1.0 / _CHANNEL_FACTOR, _CHANNEL_FACTOR, scales)
        quantization = Quantization(
            (deviation / _INT8_DEVIATION * spread).astype(np.float32), axis=axis
        )
        return self._graph.constant(name, values, quantization), quantization


class Float16(Float32):
    """Constants are float16, and an operator converts each to float32."""

    def _constant(self, name: str, values: np.ndarray) -> int:
        held = self._graph.constant(name, values.astype(np.float16))
        return self._graph.widened(name, held, values.shape)


class DynamicRange(Float32):
    """Large kernels are int8; the runtime quantizes their inputs while it computes."""

    def kernel(
        self, name: str, shape: tuple[int, ...], deviation: float, axis: int
    ) -> tuple[int, Quantization | None]:
        """See `Float32`; a dense kernel has one scale (`export.conversion.tflite`)."""
        if math.prod(shape) < _LEAST_DYNAMIC:
            return super().kernel(name, shape, deviation, axis)
        is_dense = len(shape) == 2
        scales = 1 if is_dense else shape[axis]
        return self._random_integers(name, shape, deviation, axis, scales)


class Int8(Float32):
    """Tensors and kernels are int8, biases int32."""

    integers = "int8"
    _bias = "int32"

    def quantization(self, low: float, high: float) -> Quantization:
        """See `Float32`; the range contains 0, which has an integer of its own."""
        low, high = min(low, 0.0), max(high, 0.0)
        scale = (high - low) / 255.0
        return Quantization(np.array([scale], np.float32), round(-128.0 - low / scale))

    def kernel(
        self, name: str, shape: tuple[int, ...], deviation: float, axis: int
    ) -> tuple[int, Quantization | None]:
        """See `Float32`; each output channel has a scale."""
        return self._random_integers(name, shape, deviation, axis, shape[axis])

    def bias(
        self, name: str, values: np.ndarray, given: Quantization | None, kernel: Quantization | None
    ) -> int:
        """See `Float32`; kernels expect scales that are those of input and kernel, multiplied."""
        if given is None or kernel is None:
            raise ValueError(f"{name}: expected a quantized input and kernel, received floats")
        scales = given.scales * kernel.scales
        integers = np.round(values / scales).astype(self._bias)
        return self._graph.constant(name, integers, Quantization(scales))


class Int16x8(Int8):
    """Tensors are int16 around zero, kernels int8, biases int64."""

    integers = "int16"
    bias_type = schema.TensorType.INT64
    _bias = "int64"

    def quantization(self, low: float, high: float) -> Quantization:
        """See `Float32`; 0 always stands for 0."""
        scale = max(-low, high) / 32767.0
        return Quantization(np.array([scale], np.float32))


NUMBER_FORMATS: dict[tuple[str, str], type[Float32]] = {
    ("float32", "float32"): Float32,
    ("float16", "float32"): Float16,
    ("int8", "float32"): DynamicRange,
    ("int8", "int8"): Int8,
    ("int8", "int16"): Int16x8,
}
"""The class for each pair of types: kernels, and tensors between operators."""


def of_recipe(recipe: Recipe, graph: Graph, seed: int) -> Float32:
    """Returns the number format of a recipe, for one graph.

    Raises:
        ValueError: no class writes this pair of types.
    """
    pair = recipe.weights, recipe.activations
    if pair not in NUMBER_FORMATS:
        known = "; ".join(" with ".join(types) for types in NUMBER_FORMATS)
        raise ValueError(
            f"{recipe.name}: expected kernels and tensors of one of {known}; received "
            f"{recipe.weights} with {recipe.activations}"
        )
    return NUMBER_FORMATS[pair](graph, seed)
