"""Times `.tflite` files, or the blocks of a search space, on a device.

    python -m tools.benchmark --models=child_float32.tflite,child_int8.tflite --output=models.jsonl
    python -m tools.benchmark --space=cifar --recipe=int8 --output=measurements.jsonl

The second is what `tools.fit_latency` needs; started again, it times only what is missing.
"""

import pathlib

from absl import flags

import latency_models
from export import recipes
from latency_models import devices, measurements
from nas import spaces
from tools import console

_MODELS = flags.DEFINE_list("models", [], "The .tflite files to time, separated by commas.")
_SPACE = flags.DEFINE_string("space", None, "Search space to time: a name, or a .json file.")
_RECIPE = flags.DEFINE_string("recipe", "float32", "How the space's blocks are exported.")
_DEVICE = flags.DEFINE_string("device", "local", "Where to time; `local` is this machine.")
_THREADS = flags.DEFINE_integer("num_threads", 1, "Threads of the runtime.", lower_bound=1)
_NETWORKS = flags.DEFINE_integer(
    "networks", 16, "Whole networks of the space that are timed.", lower_bound=2
)
_SEED = flags.DEFINE_integer("seed", 0, "Draws the networks and the order.", lower_bound=0)
_OUTPUT = flags.DEFINE_string("output", "measurements.jsonl", "File the rows are added to.")
_CLASSES = flags.DEFINE_integer("num_classes", None, "Classes, where not the space's own.")
_RESOLUTION = flags.DEFINE_integer("resolution", None, "Pixels, where not the space's own.")
_CHANNELS = flags.DEFINE_integer("input_channels", None, "1 or 3, where not the space's own.")


def main() -> None:
    """Measures, then prints a table of the models, or the fastest and the slowest network."""
    if _MODELS.value and _SPACE.value is None:
        _benchmark_models()
    elif _SPACE.value is not None and not _MODELS.value:
        _benchmark_space(_SPACE.value)
    else:
        raise ValueError("expected either --models or --space, received both or neither")


def _benchmark_models() -> None:
    names = [pathlib.Path(path).name for path in _MODELS.value]
    if len(set(names)) < len(names):  # Then the folders tell them apart.
        names = _MODELS.value
    device = latency_models.device(_DEVICE.value, _THREADS.value)
    for path in _MODELS.value:
        devices.read_model(path)
    # TensorFlow takes seconds to import; a bad flag should not wait for it.
    from latency_models import block_benchmarks

    rows = block_benchmarks.benchmark_models(
        dict(zip(names, _MODELS.value, strict=True)), device, progress=console.progress
    )
    measurements.append(_OUTPUT.value, rows)
    headers = ["model", "latency ms", "p10 ms", "p90 ms", "x reference"]
    cells = [(r.label, r.latency_ms, r.p10_ms, r.p90_ms, r.relative_latency) for r in rows]
    console.say(console.table(headers, cells))
    console.say(f"reference model: {rows[0].reference_ms:.4g} ms; rows in {_OUTPUT.value}")


def _benchmark_space(name: str) -> None:
    space = spaces.load_space(name)
    space = space.with_task(_CLASSES.value or space.num_classes, _RESOLUTION.value, _CHANNELS.value)
    recipes.recipe(_RECIPE.value)
    device = latency_models.device(_DEVICE.value, _THREADS.value)
    from latency_models import block_benchmarks

    rows = block_benchmarks.benchmark_space(
        space,
        _RECIPE.value,
        device,
        _OUTPUT.value,
        networks=_NETWORKS.value,
        seed=_SEED.value,
        progress=console.progress,
    )
    fastest, slowest = measurements.extremes(rows)
    networks = sum(row.kind == "network" for row in rows)
    console.say(
        f"{space.name}, {_RECIPE.value}, {_DEVICE.value}, {_THREADS.value} thread(s): "
        f"{len(rows) - networks} parts and {networks} networks in {_OUTPUT.value}\n"
        f"fastest network {fastest.latency_ms:.4g} ms, slowest {slowest.latency_ms:.4g} ms, "
        f"reference model {fastest.reference_ms:.4g} ms"
    )


if __name__ == "__main__":
    console.run(main)
