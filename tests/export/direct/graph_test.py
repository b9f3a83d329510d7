import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.direct.graph import Graph, Quantization


def model_of(graph, given, made):
    return schema.ModelT.InitFromPackedBuf(graph.to_bytes(given, made), 0)


def test_equal_constants_are_one_tensor_unless_they_are_quantized():
    graph = Graph("x")
    zeros = np.zeros(3, np.float32)
    assert graph.constant("a", zeros) == graph.constant("b", zeros.copy())
    assert graph.constant("a", zeros) != graph.constant("c", np.zeros(4, np.float32))
    scales = Quantization(np.ones(1, np.float32))
    integers = np.zeros(3, np.int8)
    assert graph.constant("d", integers, scales) != graph.constant("e", integers, scales)


def test_an_operator_has_one_code_with_the_newest_version_that_it_needs():
    graph = Graph("x")
    first, second, third = (graph.tensor(name, (1, 2), "float32") for name in "abc")
    graph.operator("CONV_2D", 5, [first], second)
    graph.operator("CONV_2D", 1, [second], third)
    graph.operator("HARD_SWISH", 1, [third], graph.tensor("d", (1, 2), "float32"))
    model = model_of(graph, first, third)
    (conv, hard_swish) = model.operatorCodes
    assert (conv.builtinCode, conv.version) == (schema.BuiltinOperator.CONV_2D, 5)
    assert hard_swish.builtinCode == schema.BuiltinOperator.HARD_SWISH
    assert [operator.opcodeIndex for operator in model.subgraphs[0].operators] == [0, 0, 1]
    assert model.description == b"x"


def test_constants_are_widened_once_and_before_everything_else():
    graph = Graph("x")
    given, made = graph.tensor("a", (3,), "float32"), graph.tensor("b", (3,), "float32")
    half = graph.constant("half", np.ones(3, np.float16))
    graph.operator("HARD_SWISH", 1, [given], made)
    assert graph.widened("half", half, (3,)) == graph.widened("half", half, (3,))
    model = model_of(graph, given, made)
    operators = model.subgraphs[0].operators
    names = [model.operatorCodes[operator.opcodeIndex].builtinCode for operator in operators]
    assert names == [schema.BuiltinOperator.DEQUANTIZE, schema.BuiltinOperator.HARD_SWISH]
