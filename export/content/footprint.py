"""What a file of a network must hold at least: its operations, and its bytes as int8."""

import math

from export.recipes import Recipe
from nas.architecture import counting
from nas.architecture.specs import Child

# A channel of an int8 kernel has one scale, and a bias with a scale of its own: 12 bytes. Zero
# points, all zero, and the structure of the graph are what is left of the 16.
_BYTES_A_CHANNEL = 16
_SLACK = 1.05


def fewest_operators(child: Child, recipe: Recipe) -> dict[str, int]:
    """How often each operation occurs when batch normalization and activations cost none.

    One operation a convolution, an addition a residual, one mean and one classifier; the recipe
    may add conversions of types.
    """
    types = [stage.type for stage, _ in counting.child_stages(child)]
    counts = {
        "ADD": sum(block.has_residual for block in child.layers),
        "CONV_2D": types.count("conv"),
        "DEPTHWISE_CONV_2D": types.count("depthwise"),
        "FULLY_CONNECTED": 1,
        "MEAN": 1,
    }
    if recipe.weights == "float16":
        # A kernel and a bias each are widened; runtimes do that once, when they load the file.
        counts["DEQUANTIZE"] = 2 * (len(types) + 1)
    elif recipe.activations != "float32" and recipe.interface == "float32":
        counts |= {"QUANTIZE": 1, "DEQUANTIZE": 1}
    elif recipe.interface == "uint8":
        # Operations are int8; both ends are moved by 128.
        counts["QUANTIZE"] = 2
    return {name: count for name, count in sorted(counts.items()) if count}


def is_minimal(found: dict[str, int], expected: dict[str, int]) -> bool:
    """Whether a file has the operations that `fewest_operators` expects.

    Equal constants, as biases that are all zero, are kept once and widened once, so that float16
    may need fewer conversions than there are constants.
    """
    rest = {name: count for name, count in found.items() if name != "DEQUANTIZE"}
    wanted = {name: count for name, count in expected.items() if name != "DEQUANTIZE"}
    return rest == wanted and found.get("DEQUANTIZE", 0) <= expected.get("DEQUANTIZE", 0)


def int8_size_bound(child: Child) -> float:
    """Bytes that an int8 file should not exceed: weights, 16 a channel, and 5 % of both."""
    stages = [stage for stage, _ in counting.child_stages(child)]
    weights = sum(math.prod(stage.kernel_shape) for stage in stages)
    weights += child.head.width * child.num_classes
    channels = sum(stage.output_width for stage in stages) + child.num_classes
    return _SLACK * (weights + _BYTES_A_CHANNEL * channels)
