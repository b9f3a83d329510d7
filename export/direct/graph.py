"""The graph of a `.tflite` file while it is assembled: tensors, constants and operators."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.content import sharing_builder

# The version of the schema that the converter writes.
_SCHEMA_VERSION = 3
# The version of DEQUANTIZE that knows float16.
_WIDENING_VERSION = 3
# Index of a tensor that an operator does without.
NONE = -1
_TYPES = {
    np.dtype(name): getattr(schema.TensorType, name.upper())
    for name in ("float32", "float16", "int8", "uint8", "int16", "int32", "int64")
}


class Quantization(NamedTuple):
    """How the integers of a tensor stand for real numbers: scale x (integer - zero point).

    Attributes:
        scales: one scale, or one for each channel.
        zero_point: the integer that stands for 0.
        axis: axis of the channels.
    """

    scales: np.ndarray
    zero_point: int = 0
    axis: int = 0


class Graph:
    """Collects tensors and operators, and writes them as a file.

    Args:
        name: name of the network, stored as the description of the file.
    """

    def __init__(self, name: str) -> None:
        """Begins with the empty buffer that the schema asks for."""
        self._name = name
        self._buffers = [schema.BufferT()]
        self._tensors: list[schema.TensorT] = []
        self._operators: list[schema.OperatorT] = []
        self._conversions: list[schema.OperatorT] = []
        self._codes: dict[str, schema.OperatorCodeT] = {}
        self._shared: dict[tuple[str, tuple[int, ...], bytes], int] = {}
        self._widened: dict[int, int] = {}

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str,
        quantization: Quantization | None = None,
        buffer: int = 0,
    ) -> int:
        """Adds a tensor; returns its index.

        Args:
            name: its name, for profilers.
            shape: its shape, batch included.
            dtype: NumPy's name of its type.
            quantization: of a tensor of integers, its scales.
            buffer: of a constant, the index of its values.
        """
        made = schema.TensorT(
            shape=np.array(shape, np.int32),
            type=_TYPES[np.dtype(dtype)],
            buffer=buffer,
            name=name,
            hasRank=True,
        )
        if quantization is not None:
            scales = np.asarray(quantization.scales, np.float32)
            made.quantization = schema.QuantizationParametersT(
                scale=scales,
                zeroPoint=np.full(scales.shape, quantization.zero_point, np.int64),
                quantizedDimension=quantization.axis,
            )
        self._tensors.append(made)
        return len(self._tensors) - 1

    def constant(
        self, name: str, values: np.ndarray, quantization: Quantization | None = None
    ) -> int:
        """Adds a constant; returns its index. As the converter does, it stores equal ones once."""
        if quantization is not None:
            return self._constant(name, values, quantization)
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self._shared:
            self._shared[key] = self._constant(name, values, None)
        return self._shared[key]

    def widened(self, name: str, constant: int, shape: tuple[int, ...]) -> int:
        """Adds the conversion of a float16 constant to float32; returns the index of the result.

        A constant that several operators share is converted once.
        """
        if constant not in self._widened:
            made = self.tensor(name, shape, "float32")
            self.operator("DEQUANTIZE", _WIDENING_VERSION, [constant], made, of_constant=True)
            self._widened[constant] = made
        return self._widened[constant]

    def _constant(self, name: str, values: np.ndarray, quantization: Quantization | None) -> int:
        self._buffers.append(
            schema.BufferT(data=np.ascontiguousarray(values).reshape(-1).view("u1"))
        )
        buffer = len(self._buffers) - 1
        return self.tensor(name, values.shape, values.dtype.name, quantization, buffer)

    def operator(
        self,
        name: str,
        version: int,
        inputs: Sequence[int],
        output: int,
        options: Any = None,
        of_constant: bool = False,
    ) -> None:
        """Adds an operator.

        Args:
            name: its name in the schema, for example `CONV_2D`.
            version: the version of the operator that it needs.
            inputs: indices of its inputs.
            output: index of its output.
            options: its options, an object of the schema.
            of_constant: whether it converts a constant; these stand before all others.
        """
        code = self._codes.setdefault(name, self._code(name))
        code.version = max(code.version, version)
        made = schema.OperatorT(
            opcodeIndex=list(self._codes).index(name),
            inputs=np.array(inputs, np.int32),
            outputs=np.array([output], np.int32),
        )
        if options is not None:
            made.builtinOptions = options
            kind = type(options).__name__.removesuffix("T")
            made.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        (self._conversions if of_constant else self._operators).append(made)

    def to_bytes(self, given: int, made: int) -> bytes:
        """Returns the content of the file.

        Args:
            given: index of the network's input.
            made: index of its output.
        """
        graph = schema.SubGraphT(
            tensors=self._tensors,
            inputs=np.array([given], np.int32),
            outputs=np.array([made], np.int32),
            operators=self._conversions + self._operators,
            name="main",
        )
        model = schema.ModelT(
            version=_SCHEMA_VERSION,
            operatorCodes=list(self._codes.values()),
            subgraphs=[graph],
            description=self._name,
            buffers=self._buffers,
        )
        values = sum(len(buffer.data) for buffer in self._buffers[1:])
        return sharing_builder.pack(model, 2 * values)

    @staticmethod
    def _code(name: str) -> schema.OperatorCodeT:
        code = getattr(schema.BuiltinOperator, name)
        # Runtimes from before schema 3a read the code from a field of eight bits.
        old = min(code, schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES)
        return schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=old, version=1)
