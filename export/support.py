"""Lists stages and activations that a recipe cannot write, and checks for them before any work."""

from collections.abc import Iterator

from export.recipes import RECIPES, recipe
from nas.architecture.blocks import Block
from nas.architecture.operations import Stage
from nas.architecture.specs import Child, SearchSpace

_UNKNOWN = "tfmot and its Keras do not know it"
UNSUPPORTED: dict[str, dict[str, str]] = {
    "hard_swish": {
        "int16x8": "TensorFlow Lite has no such operator for int16",
        "int8_qat": _UNKNOWN,
        "sparse": _UNKNOWN,
        "sparse_int8": _UNKNOWN,
        "clustered": _UNKNOWN,
    },
}
"""For a type of stage or an activation, the recipes that cannot write it, each with the reason.

The contract tests convert every example of an operation with every recipe that is not named here.
"""


def reasons(stages: tuple[Stage, ...], recipe_name: str) -> list[str]:
    """Returns why a recipe cannot write a chain: one reason per unsupported stage or activation."""
    parts = dict.fromkeys(part for stage in stages for part in (stage.type, stage.activation))
    rows = {part: UNSUPPORTED.get(part or "", {}) for part in parts}
    return [f"{part}: {row[recipe_name]}" for part, row in rows.items() if recipe_name in row]


def check(network: Child | SearchSpace, recipe_name: str) -> None:
    """Checks that a recipe can write a network, or all candidates of a space.

    Args:
        network: a child, or a space with all its candidates.
        recipe_name: key of `recipes.RECIPES`.

    Raises:
        ValueError: the recipe is unknown, or it cannot write an operation. The message names the
            place, the operation, the recipe, the reason and the recipes that can.
    """
    recipe(recipe_name)
    for place, label, stages in _operations(network):
        found = reasons(stages, recipe_name)
        if found:
            others = [name for name in RECIPES if not reasons(stages, name)]
            raise ValueError(
                f"{network.name}, {place}: the recipe {recipe_name} cannot write {label} "
                f"({'; '.join(found)}); expected one of the recipes {', '.join(others)}, or "
                "another operation there"
            )


def _operations(network: Child | SearchSpace) -> Iterator[tuple[str, str, tuple[Stage, ...]]]:
    """Yields place, name and stages of every operation of a network, or of all candidates."""
    if isinstance(network, SearchSpace):
        network = network.largest
    yield "stem", "the stem", (network.stem.stage(network.input_channels),)
    for i, layer in enumerate(network.layers):
        for block in (layer,) if isinstance(layer, Block) else layer.blocks:
            yield f"layers[{i}]", f"{block.op.kind} {block.op.label}", block.stages
    yield "head", "the head", network.head.stages(network.layers[-1].output_width)
