"""The fewest operators a `.tflite` file of a network can have, and a size limit for int8 files."""

import collections

from export.recipes import Recipe
from nas.architecture import counting
from nas.architecture.specs import Child

# An output channel of an int8 kernel has a scale and a bias with its own scale: 12 bytes. The other
# 4 of the 16 are for zero points, which are all zero, and the structure of the graph.
_BYTES_A_CHANNEL = 16
_SLACK = 1.05


def fewest_operators(child: Child, recipe: Recipe) -> dict[str, int]:
    """Returns how often each operator occurs in a file without superfluous operators.

    These are the operators of every stage, one addition per residual block, one mean and one
    classifier. The recipe may add conversions between types.
    """
    places = list(counting.child_stages(child))
    stages = [stage for stage, _ in places]
    counts = collections.Counter(
        name for stage, resolution in places for name in stage.operators(resolution)
    )
    counts["ADD"] += sum(block.has_residual for block in child.layers)
    counts["FULLY_CONNECTED"] += 1
    counts["MEAN"] += 1
    if recipe.weights == "float16":
        # Every kernel and every bias is converted to float32, once, when the file is loaded.
        counts["DEQUANTIZE"] = 2 * (sum(len(stage.kernels) for stage in stages) + 1)
    elif recipe.activations != "float32" and recipe.interface == "float32":
        counts["QUANTIZE"] = counts["DEQUANTIZE"] = 1
    elif recipe.interface == "uint8":
        # Operations are int8, so input and output are shifted by 128.
        counts["QUANTIZE"] = 2
    return {name: count for name, count in sorted(counts.items()) if count}


def is_minimal(found: dict[str, int], expected: dict[str, int]) -> bool:
    """Returns whether a file has the operators that `fewest_operators` expects.

    A file stores equal constants once, for example biases that are all zero, and converts them
    once. A float16 file may therefore have fewer conversions than constants.
    """
    rest = {name: count for name, count in found.items() if name != "DEQUANTIZE"}
    wanted = {name: count for name, count in expected.items() if name != "DEQUANTIZE"}
    return rest == wanted and found.get("DEQUANTIZE", 0) <= expected.get("DEQUANTIZE", 0)


def int8_size_bound(child: Child) -> float:
    """Returns the size limit of an int8 file in bytes: weights, 16 per channel, and 5 % on top."""
    kernels = [kernel for stage, _ in counting.child_stages(child) for kernel in stage.kernels]
    weights = sum(kernel.size for kernel in kernels) + child.head.output_width * child.num_classes
    channels = sum(kernel.channels for kernel in kernels) + child.num_classes
    return _SLACK * (weights + _BYTES_A_CHANNEL * channels)
