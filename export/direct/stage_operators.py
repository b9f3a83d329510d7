"""Stages as operators; `STAGE_OPERATORS` has a row for each type of stage."""

from collections.abc import Callable
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from export.direct.operators import Operators, Value
from nas.architecture.operations import Conv, Depthwise, Pooled, Squeeze, Stage


def _conv(add: Operators, x: Value, stage: Conv, name: str) -> Value:
    (kernel,) = stage.kernels
    return add.convolution(x, kernel, stage.stride, stage.activation, name)


def _depthwise(add: Operators, x: Value, stage: Depthwise, name: str) -> Value:
    (kernel,) = stage.kernels
    return add.depthwise(x, kernel, stage.stride, stage.activation, name)


def _squeeze(add: Operators, x: Value, stage: Squeeze, name: str) -> Value:
    reduce, reduce_bias, expand, expand_bias = stage.weights
    padding = schema.Padding.VALID
    is_pixel = x.shape[1:3] == (1, 1)
    z = x if is_pixel else add.mean(x, True, f"{name}_pool")
    z = add.convolution(z, reduce, 1, "relu", f"{name}_reduce", reduce_bias.start, padding=padding)
    z = add.convolution(z, expand, 1, "relu6", f"{name}_expand", expand_bias.start, padding=padding)
    return add.multiply(x, z, expand_bias.start, f"{name}_scale")


def _pooled(add: Operators, x: Value, stage: Pooled, name: str) -> Value:
    x = add.mean(x, False, "pool")
    return add.dense(x, stage.output_width, stage.activation, name)


STAGE_OPERATORS: dict[str, Callable[[Operators, Value, Any, str], Value]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "squeeze": _squeeze,
    "pooled": _pooled,
}


def add_stage(add: Operators, x: Value, stage: Stage, name: str) -> Value:
    """Adds the operators of a stage to a graph.

    Args:
        add: adds one operator at a time.
        x: the input of the stage, `[1, height, width, channels]`.
        stage: the stage.
        name: prefix of the names of its tensors.

    Returns:
        Its output.
    """
    return STAGE_OPERATORS[stage.type](add, x, stage, name)
