"""The fewest operators a `.tflite` file of a network can have, and the most bytes as int8."""

import collections

from export.recipes import Recipe
from nas.architecture import counting
from nas.architecture.specs import Child

# A channel of an int8 kernel has one scale, and a bias with a scale of its own: 12 bytes. Zero
# points, all zero, and the structure of the graph are what is left of the 16.
_BYTES_A_CHANNEL = 16
_SLACK = 1.05


def fewest_operators(child: Child, recipe: Recipe) -> dict[str, int]:
    """How often each operator occurs in a file from which nothing can be left out.

    The operators of every stage, one addition a residual block, one mean and one classifier. The
    recipe may add conversions of types.
    """
    stages = [stage for stage, _ in counting.child_stages(child)]
    counts = collections.Counter(name for stage in stages for name in stage.operators)
    counts["ADD"] += sum(block.has_residual for block in child.layers)
    counts["FULLY_CONNECTED"] += 1
    counts["MEAN"] += 1
    if recipe.weights == "float16":
        # A kernel and a bias each are widened; runtimes do that once, when they load the file.
        counts["DEQUANTIZE"] = 2 * (sum(len(stage.kernels) for stage in stages) + 1)
    elif recipe.activations != "float32" and recipe.interface == "float32":
        counts["QUANTIZE"] = counts["DEQUANTIZE"] = 1
    elif recipe.interface == "uint8":
        # Operations are int8; both ends are moved by 128.
        counts["QUANTIZE"] = 2
    return {name: count for name, count in sorted(counts.items()) if count}


def is_minimal(found: dict[str, int], expected: dict[str, int]) -> bool:
    """Whether a file has the operators that `fewest_operators` expects.

    A file keeps equal constants once, for example biases that are all zero, and widens them once.
    So a float16 file may need fewer conversions than it has constants.
    """
    rest = {name: count for name, count in found.items() if name != "DEQUANTIZE"}
    wanted = {name: count for name, count in expected.items() if name != "DEQUANTIZE"}
    return rest == wanted and found.get("DEQUANTIZE", 0) <= expected.get("DEQUANTIZE", 0)


def int8_size_bound(child: Child) -> float:
    """Bytes that an int8 file should not exceed: weights, 16 a channel, and 5 % of both."""
    kernels = [kernel for stage, _ in counting.child_stages(child) for kernel in stage.kernels]
    weights = sum(kernel.size for kernel in kernels) + child.head.width * child.num_classes
    channels = sum(kernel.channels for kernel in kernels) + child.num_classes
    return _SLACK * (weights + _BYTES_A_CHANNEL * channels)
