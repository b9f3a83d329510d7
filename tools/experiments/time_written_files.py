r"""Times files that are written from specs beside those that the converter makes.

    python -m tools.experiments.time_written_files --space=cifar --recipes=float32,int8 \
        --networks=8

Benchmarks time untrained networks, whose files are written without the converter
(`export.direct`). This command shows that both take the same time. For every recipe it draws
random networks of the space. Each is timed as three models in the same rounds, in random order: the
written file, the converter's file, and the converter's file a second time. The last shows how far
two interpreters of one file differ.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from absl import flags

from export import recipes, support
from tools.flags import device_flags
from tools.terminal import console

_SPACE = flags.DEFINE_string("space", "cifar", "Search space: a name, or a .json file.")
_RECIPES = flags.DEFINE_list(
    "recipes",
    [name for name, row in recipes.RECIPES.items() if row.fine_tuning is None],
    "Recipes, separated by commas; by default all without fine-tuning.",
)
_NETWORKS = flags.DEFINE_integer("networks", 8, "Random networks per recipe.", lower_bound=2)
_ROUNDS = flags.DEFINE_integer("rounds", 100, "Samples of each file.", lower_bound=2)
_RESOLUTION = flags.DEFINE_integer(
    "resolution", None, "Height and width in pixels; the space's own if not given.", lower_bound=1
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the networks and the order.", lower_bound=0)

_KINDS = ("written", "converted", "again")
_DRAWS = 2000


def main() -> None:
    """Times what is missing, and prints a table with one row for each recipe."""
    from nas.architecture import spaces

    space = spaces.load_space(_SPACE.value)
    space = space.with_task(space.num_classes, _RESOLUTION.value)
    for name in _RECIPES.value:
        support.check(space, name)
    headers = ["recipe", "ms", "written / converted", "95 %", "again / converted", "s to convert"]
    cells = [(name, *_timed(space, name)) for name in _RECIPES.value]
    console.say(f"{space.name}, {_NETWORKS.value} networks, {_ROUNDS.value} rounds")
    console.say(console.table(headers, cells))


def _timed(space: Any, recipe_name: str) -> tuple[str, ...]:
    """Times random networks by one recipe.

    Returns:
        Median latency; the median over the networks of written over converted, with its 95 %
        interval by the bootstrap; that of the converted file over itself; seconds to convert one.
    """
    from latency_models.measuring import converted_parts, network_selection, parts

    recipe = recipes.recipe(recipe_name)
    children = network_selection.sample_networks(space, _NETWORKS.value, _SEED.value)
    models: dict[str, bytes] = {}
    seconds = 0.0
    for i, child in enumerate(console.progress(children, len(children), f"{recipe_name} files")):
        part = parts.network_part(child)
        models[f"written {i}"] = part.write(recipe)
        begin = time.perf_counter()
        models[f"converted {i}"] = models[f"again {i}"] = converted_parts.convert(part, recipe)
        seconds += time.perf_counter() - begin
    order = np.random.default_rng(_SEED.value)
    # The order in which interpreters are made decides where their memory lies.
    models = {name: models[name] for name in order.permutation(list(models)).tolist()}
    device = device_flags.device()
    samples = np.zeros((_ROUNDS.value, len(children), len(_KINDS)))
    with device.session(models, device.plan.min_sample_ms) as session:
        for r in console.progress(range(len(samples)), len(samples), f"{recipe_name} timing"):
            for i, k in _in_random_order(samples.shape[1:], order):
                samples[r, i, k] = session.sample_ms(f"{_KINDS[k]} {i}")
    # The three files of a network are timed one after another, so drift cancels in the ratios.
    written, again = (np.median(samples[..., k] / samples[..., 1], axis=0) for k in (0, 2))
    drawn = order.integers(len(children), size=(_DRAWS, len(children)))
    low, high = np.percentile(np.median(written[drawn], axis=1), (2.5, 97.5))
    return (
        f"{np.median(samples[..., 1]):.3g}",
        f"{np.median(written):.4f}",
        f"{low:.4f} to {high:.4f}",
        f"{np.median(again):.4f}",
        f"{seconds / len(children):.1f}",
    )


def _in_random_order(shape: tuple[int, ...], order: np.random.Generator) -> Iterator[Any]:
    """Yields all indices of networks and kinds: networks in random order, and kinds within each."""
    networks, kinds = shape
    for i in order.permutation(networks):
        for k in order.permutation(kinds):
            yield i, k


if __name__ == "__main__":
    console.run(main)
