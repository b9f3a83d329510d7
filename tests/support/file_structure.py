"""The structure of a `.tflite` file: everything that its latency depends on, and no values.

Two files with equal structures have the same operators in the same order, with the same versions,
options, wiring, shapes, types and quantization axes. Left out are what a runtime does not look at
(names, order of tensors, buffers) and the values of weights and scales. Constants that are equal
may be stored once or several times: a converter shares the biases of an untrained network, which
are all zero, but not those of a trained one.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema


def _names(enumeration):
    return {code: name for name, code in vars(enumeration).items() if not name.startswith("_")}


_OPERATORS, _TYPES = _names(schema.BuiltinOperator), _names(schema.TensorType)


class _Reader:
    def __init__(self, content):
        self.model = schema.ModelT.InitFromPackedBuf(content, 0)
        (self.graph,) = self.model.subgraphs
        self.names = [_OPERATORS[code.builtinCode] for code in self.model.operatorCodes]
        self.makers = {int(self.graph.inputs[0]): "input"}
        self.widened = {}

    def values(self, index):
        """Bytes of a constant; None for a tensor that is computed."""
        data = self.model.buffers[self.graph.tensors[index].buffer].data
        return None if data is None else np.asarray(data, np.uint8).tobytes()

    def tensor(self, index):
        """What a tensor is: where it comes from, its shape, its type and how it is quantized."""
        if index < 0:
            return None
        if index in self.widened:
            return "widened", self.tensor(self.widened[index])
        tensor, values = self.graph.tensors[index], self.values(index)
        form = _TYPES[tensor.type], tuple(int(size) for size in tensor.shape)
        scales = getattr(tensor.quantization, "scale", None)
        if scales is None:
            # The axes of a mean are its options in all but name.
            axes = values if _TYPES[tensor.type] == "INT32" else None
            return self.makers.get(index, "constant"), *form, axes
        # A runtime takes one scale as that of the whole tensor, whatever its axis.
        axis = tensor.quantization.quantizedDimension if len(scales) > 1 else None
        is_centered = values is None or not np.any(tensor.quantization.zeroPoint)
        return self.makers.get(index, "constant"), *form, len(scales), axis, is_centered

    def operators(self):
        for position, operator in enumerate(self.graph.operators):
            inputs = [int(index) for index in operator.inputs]
            (output,) = (int(index) for index in operator.outputs)
            name = self.names[operator.opcodeIndex]
            if name == "DEQUANTIZE" and self.values(inputs[0]) is not None:
                assert len(self.widened) == position, "constants are widened before all else"
                self.widened[output] = inputs[0]
                continue
            version = self.model.operatorCodes[operator.opcodeIndex].version
            options = operator.builtinOptions
            settings = {} if options is None else vars(options)
            described = [self.tensor(index) for index in inputs]
            self.makers[output] = f"operator {position - len(self.widened)}"
            yield name, version, type(options).__name__, settings, described, self.tensor(output)


def structure(content):
    """One row for each operator, the input first and the output last, to compare with `==`."""
    reader = _Reader(content)
    first = reader.tensor(int(reader.graph.inputs[0]))
    rows = list(reader.operators())
    return [("input", first), *rows, ("output", reader.tensor(int(reader.graph.outputs[0])))]


def assert_same_structure(content, expected):
    """Fails at the first operator in which two files differ."""
    pairs = zip(structure(content), structure(expected), strict=False)
    for i, (found, wanted) in enumerate(pairs):
        assert found == wanted, f"row {i}"
    assert len(structure(content)) == len(structure(expected))
