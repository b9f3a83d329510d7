"""What a `.tflite` file holds, read from the file itself and not from a runtime's view of it.

A runtime fuses operations and hands parts of the graph to delegates; the file is what is shipped.
Contents come from `export.checks.interpreter.load` or the converter: these functions do not verify
them.
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
# ADD and MEAN of int16 came last, as their version 3: runtime_version.cc of TensorFlow.
_INT16_RUNTIME = "2.4.0"


def operator_codes(content: bytes) -> list[str]:
    """Operations that the file lists, whether it uses them or not, in the order of the file."""
    model = schema.Model.GetRootAs(content, 0)
    names = []
    for i in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(i)
        # Files older than schema 3a keep the code in a field of eight bits.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = number == schema.BuiltinOperator.CUSTOM
        names.append(code.CustomCode().decode() if custom else _OPERATORS[number])
    return names


def operators(content: bytes) -> dict[str, int]:
    """How often each operation occurs, by name (`CONV_2D`, ...), in alphabetical order.

    An operation that is not built in stands under its custom name.
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
    """Operations that a plain runtime does not have: custom ones and TensorFlow's own."""
    known = set(_OPERATORS.values())
    return [name for name in operators(content) if name not in known]


def tensor_types(content: bytes) -> dict[str, int]:
    """How many tensors there are of each element type (`int8`, `float32`, ...)."""
    model = schema.Model.GetRootAs(content, 0)
    counts = collections.Counter(
        _TYPES[graph.Tensors(i).Type()]
        for graph in _graphs(model)
        for i in range(graph.TensorsLength())
    )
    return dict(sorted(counts.items()))


def tensor_names(content: bytes, element_type: str) -> list[str]:
    """Names of the tensors of one element type (`int8`, ...), in the order of the file."""
    model = schema.Model.GetRootAs(content, 0)
    return [
        graph.Tensors(i).Name().decode()
        for graph in _graphs(model)
        for i in range(graph.TensorsLength())
        if _TYPES[graph.Tensors(i).Type()] == element_type
    ]


def buffer_offsets(content: bytes) -> list[int]:
    """Where in the file each buffer with content begins, metadata included."""
    model = schema.Model.GetRootAs(content, 0)
    whole = np.frombuffer(content, np.uint8)
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    views = [buffer.DataAsNumpy() for buffer in buffers if buffer.DataLength()]
    return [view.ctypes.data - whole.ctypes.data for view in views]


def oldest_runtime(content: bytes) -> str | None:
    """Oldest TensorFlow Lite release that can load the file, for example `2.4.0`.

    The converter derives it from the versions of the operations, and notes it in the file. It does
    so before it turns activations into int16, which is added here. None where it left no note.
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
