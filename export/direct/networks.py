"""Writes networks and single blocks with random weights as `.tflite` files, from their specs.

The files have the operators, options, shapes, types and quantization axes that the converter gives
the Keras networks of `nas.layers.keras_network` with fresh weights. Their latency is the same; what
they compute means nothing.
"""

from collections.abc import Callable

from export import support
from export.direct import number_formats
from export.direct.graph import Graph, Quantization
from export.direct.operators import Operators, Value, shifted
from export.direct.stage_operators import add_stage
from export.recipes import Recipe
from nas.architecture.blocks import Block, Head
from nas.architecture.operations import Stage
from nas.architecture.sizes import number
from nas.architecture.specs import Child

# Pixels, and root mean square of noise in this range.
_LOW, _HIGH, _RMS = -1.0, 1.0, 3.0**-0.5
_HEAD_NAMES = ("head", "pooled")


def write_child(child: Child, recipe: Recipe, seed: int = 0) -> bytes:
    """Writes a whole network.

    Args:
        child: the network.
        recipe: types of kernels, tensors, input and output; fine-tuning is not done.
        seed: seed of the kernels; the same arguments give the same bytes.

    Returns:
        The file's content. Its input is one image, its output one vector of logits.

    Raises:
        ValueError: the recipe cannot write an operation of the network.
    """
    stem = child.stem.stage(child.input_channels)
    blocks = [stage for block in child.layers for stage in block.stages]
    head = child.head.stages(child.layers[-1].output_width)

    def chain(add: Operators, x: Value) -> Value:
        x = add_stage(add, x, stem, "stem")
        for i, block in enumerate(child.layers):
            x = _block(add, x, block, f"layer{i:02d}")
        return _head(add, x, child.head, child.num_classes)

    stages = (stem, *blocks, *head)
    return _write(child.name, "image", child.input_shape, stages, chain, recipe, seed)


def write_stem(child: Child, recipe: Recipe, seed: int = 0) -> bytes:
    """Writes the stem alone, on the input of the network; as `write_child`."""
    stem = child.stem.stage(child.input_channels)

    def chain(add: Operators, x: Value) -> Value:
        return add_stage(add, x, stem, "stem")

    return _write("stem", "image", child.input_shape, (stem,), chain, recipe, seed)


def write_block(block: Block, resolution: int, recipe: Recipe, seed: int = 0) -> bytes:
    """Writes one block alone, on `[1, resolution, resolution, block.input_width]`.

    The other arguments and the result are those of `write_child`.

    Raises:
        ValueError: the recipe cannot write the operation, or the block is an identity.
    """
    if block.is_identity:
        raise ValueError(f"{block.label}: expected a block that computes, received an identity")

    def chain(add: Operators, x: Value) -> Value:
        return _block(add, x, block, "block")

    shape = (resolution, resolution, number(block.input_width))
    return _write("block", "input", shape, block.stages, chain, recipe, seed)


def write_head(child: Child, recipe: Recipe, seed: int = 0) -> bytes:
    """Writes the head alone: last convolution, pooling and classifier; as `write_child`."""
    resolution, width = child.input_resolutions[-1], number(child.layers[-1].output_width)

    def chain(add: Operators, x: Value) -> Value:
        return _head(add, x, child.head, child.num_classes)

    shape = (resolution, resolution, width)
    return _write("head", "input", shape, child.head.stages(width), chain, recipe, seed)


def _block(add: Operators, x: Value, block: Block, name: str) -> Value:
    shortcut = x
    for i, stage in enumerate(block.stages):
        x = add_stage(add, x, stage, f"{name}_{i}")
    return add.sum(x, shortcut, f"{name}_add") if block.has_residual else x


def _head(add: Operators, x: Value, head: Head, num_classes: int) -> Value:
    for stage, name in zip(head.stages(x.shape[-1]), _HEAD_NAMES, strict=False):
        x = add_stage(add, x, stage, name)
    if head.pooled_width is None:
        x = add.mean(x, False, "pool")
    return add.dense(x, num_classes, None, "logits")


def _write(
    name: str,
    input_name: str,
    shape: tuple[int, int, int],
    stages: tuple[Stage, ...],
    chain: Callable[[Operators, Value], Value],
    recipe: Recipe,
    seed: int,
) -> bytes:
    """Writes a chain of operators between the input and the output that a recipe asks for."""
    refused = support.reasons(stages, recipe.name)
    if refused:
        raise ValueError(f"{name}: the recipe {recipe.name} cannot write it ({'; '.join(refused)})")
    graph = Graph(name)
    numbers = number_formats.of_recipe(recipe, graph, seed)
    add = Operators(graph, numbers)
    full = (1, *shape)
    is_converted = numbers.integers not in (None, recipe.interface)
    if is_converted:
        given = _outer_input(graph, input_name, full, recipe, numbers.quantization(_LOW, _HIGH))
        x = add.quantized(given, f"{input_name}_{numbers.integers}")
        made = add.converted(chain(add, x), "output", recipe.interface)
    else:
        given = add.value(input_name, full, _LOW, _HIGH, _RMS)
        made = chain(add, given)
    return graph.to_bytes(given.index, made.index)


def _outer_input(
    graph: Graph,
    name: str,
    shape: tuple[int, ...],
    recipe: Recipe,
    inner: Quantization | None,
) -> Value:
    """Adds an input of another type than that of the tensors inside."""
    quantization = shifted(inner) if recipe.interface == "uint8" else None
    index = graph.tensor(name, shape, recipe.interface, quantization)
    return Value(index, shape, _LOW, _HIGH, _RMS, quantization)
