"""Reads operations, tensors and buffers from a `.tflite` file itself, without a runtime.

A runtime fuses operations and passes parts of the graph to delegates, so it shows another graph
than the file. These functions do not verify the content; pass content that
`export.checks.interpreter.load` accepted or that the converter made.
"""

import collections

import numpy as np
from ai_edge_litert import schema_py_generated as schema

_OPERATORS = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}
_TYPES = {
    code: name.lower() for name, code in vars(schema.TensorType).items() if not name.startswith("_")
}
_RUNTIME_KEY = b"min_runtime_version"
# The newest int16 operations are version 3 of ADD and MEAN: runtime_version.cc of TensorFlow.
_INT16_RUNTIME = "2.4.0"


def operator_codes(content: bytes) -> list[str]:
    """Returns the operations that the file lists, used or not, in the order of the file."""
    model = schema.Model.GetRootAs(content, 0)
    names = []
    for i in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(i)
        # Files older than schema 3a store the code in a field of eight bits.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = number == schema.BuiltinOperator.CUSTOM
        names.append(code.CustomCode().decode() if custom else _OPERATORS[number])
    return names


def operators(content: bytes) -> dict[str, int]:
    """Counts the operations by name (`CONV_2D`, ...), in alphabetical order.

    An operation that is not built in has its custom name.

    Example:
        >>> import export, nas
        >>> model = nas.build_child(nas.load_space("tiny").child([0, 0, 2]))
        >>> export.operators(export.convert(model, export.recipe("float32")))
        {'CONV_2D': 4, 'DEPTHWISE_CONV_2D': 2, 'FULLY_CONNECTED': 1, 'MEAN': 1}
    """
    model = schema.Model.GetRootAs(content, 0)
    names = operator_codes(content)
    counts = collections.Counter(
        names[graph.Operators(i).OpcodeIndex()]
        for graph in _graphs(model)
        for i in range(graph.OperatorsLength())
    )
    return dict(sorted(counts.items()))


def custom_operators(content: bytes) -> list[str]:
    """Returns the operations that a plain runtime lacks: custom ones and TensorFlow's own."""
    known = set(_OPERATORS.values())
    return [name for name in operators(content) if name not in known]


def tensor_types(content: bytes) -> dict[str, int]:
    """Counts the tensors of each element type (`int8`, `float32`, ...)."""
    model = schema.Model.GetRootAs(content, 0)
    counts = collections.Counter(
        _TYPES[graph.Tensors(i).Type()]
        for graph in _graphs(model)
        for i in range(graph.TensorsLength())
    )
    return dict(sorted(counts.items()))


def tensor_names(content: bytes, element_type: str) -> list[str]:
    """Returns the names of the tensors of one element type (`int8`, ...), in the file's order."""
    model = schema.Model.GetRootAs(content, 0)
    return [
        graph.Tensors(i).Name().decode()
        for graph in _graphs(model)
        for i in range(graph.TensorsLength())
        if _TYPES[graph.Tensors(i).Type()] == element_type
    ]


def buffer_offsets(content: bytes) -> list[int]:
    """Returns the offset in the file of each buffer with content, metadata included."""
    model = schema.Model.GetRootAs(content, 0)
    whole = np.frombuffer(content, np.uint8)
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    views = [buffer.DataAsNumpy() for buffer in buffers if buffer.DataLength()]
    return [view.ctypes.data - whole.ctypes.data for view in views]


def oldest_runtime(content: bytes) -> str | None:
    """Returns the oldest TensorFlow Lite release that can load the file, for example `2.4.0`.

    The converter derives it from the versions of the operations and stores it in the file, but
    before it converts activations to int16; this function corrects for int16. None if the converter
    stored nothing.
    """
    model = schema.Model.GetRootAs(content, 0)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == _RUNTIME_KEY:
            text = bytes(model.Buffers(entry.Buffer()).DataAsNumpy()).rstrip(b"\0").decode()
            if "int16" in tensor_types(content):
                text = max(text, _INT16_RUNTIME, key=_version)
            return text or None
    return None


def _version(text: str) -> list[int]:
    return [int(part) for part in text.split(".") if part.isdigit()]


def _graphs(model: schema.Model) -> list[schema.SubGraph]:
    return [model.Subgraphs(i) for i in range(model.SubgraphsLength())]
