"""Times `.tflite` files, or the blocks of a search space, on a device.

    python -m tools.benchmark --models=child_float32.tflite,child_int8.tflite --output=models.jsonl
    python -m tools.benchmark --space=cifar --recipe=int8 --output=measurements.jsonl

The second command writes the measurements that `tools.fit_latency` needs. Run it again and it
times only what is missing. If the space decides about widths or resolutions, it times a subset of
the blocks that covers the decisions, from which a regression predicts the others. For a phone, the
tool pushes `benchmark_model` and the models to it (docs/phones.md):

    python -m tools.benchmark --space=cifar --recipe=int8 --device=adb \
        --benchmark_model=android_aarch64_benchmark_model --output=measurements.jsonl

`--device=adb:A1,adb:B2` measures on several phones at once and writes one file for each phone
(`measurements_A1.jsonl`, `measurements_B2.jsonl`).
"""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from export import recipes
from export.checks import interpreter
from latency_models import Device, devices
from latency_models.devices.plan import Plan
from latency_models.measuring import block_benchmarks, measurements
from nas.architecture import spaces
from tools.flags import device_flags
from tools.terminal import console, idle_flags
from tools.workflow import several_phones, space_benchmark

_MODELS = flags.DEFINE_list("models", [], "The .tflite files to time, separated by commas.")
_SPACE = flags.DEFINE_string("space", None, "Search space to time: a name, or a .json file.")
_RECIPE = flags.DEFINE_string("recipe", "float32", "Recipe that exports the space's blocks.")
_NETWORKS = flags.DEFINE_integer(
    "networks",
    None,
    "Number of whole networks of the space to time; if not given 48, or 64 if the space decides "
    "about widths or resolutions, or all of a small space.",
    lower_bound=2,
)
_PARTS = flags.DEFINE_integer(
    "parts",
    None,
    "Number of blocks, stems and heads of the space to time, 0 for all. If not given, all; if the "
    "space decides about widths or resolutions, about 120 that cover its decisions.",
    lower_bound=0,
)
_ROUNDS = flags.DEFINE_integer(
    "rounds", None, "Samples of each model; the device's default if not given.", lower_bound=2
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Seed for the networks, the subset and the order.", lower_bound=0
)
_OUTPUT = flags.DEFINE_string("output", "measurements.jsonl", "File to append the rows to.")
_CLASSES = flags.DEFINE_integer(
    "num_classes", None, "Classes; the space's own if not given.", lower_bound=2
)
_RESOLUTION = flags.DEFINE_integer(
    "resolution", None, "Height and width in pixels; the space's own if not given.", lower_bound=1
)
_CHANNELS = flags.DEFINE_integer(
    "input_channels", None, "1 or 3; the space's own if not given.", lower_bound=1
)


def main() -> None:
    """Measures, then prints a table of the models or the fastest and the slowest network."""
    if bool(_MODELS.value) == (_SPACE.value is not None):
        raise ValueError("expected either --models or --space, received both or neither")
    if _MODELS.value:
        of_space = (_RECIPE, _NETWORKS, _PARTS, _CLASSES, _RESOLUTION, _CHANNELS)
        names = [flag.name for flag in of_space]
        idle_flags.check(idle_flags.Rule(names, False, "with --space only", "it with --models"))
    # What would be appended to must be rows of measurements, or nothing.
    measurements.read(_OUTPUT.value)
    names = device_flags.DEVICE.value.split(",")
    if len(names) > 1:
        several_phones.run(
            [sys.executable, "-m", "tools.benchmark", *sys.argv[1:]], names, _OUTPUT.value
        )
    elif _SPACE.value is None:
        _benchmark_models()
    else:
        _benchmark_space(_SPACE.value)


def _benchmark_models() -> None:
    names = [pathlib.Path(path).name for path in _MODELS.value]
    if len(set(names)) < len(names):  # Two files have the same name; use the whole paths.
        names = _MODELS.value
    device = device_flags.device()
    for path in _MODELS.value:
        devices.read_model(path)
        if device_flags.DEVICE.value == "local":
            interpreter.load(path)  # Names a damaged file. A phone uses its own runtime.
    failed: dict[str, str] = {}
    rows = block_benchmarks.benchmark_models(
        dict(zip(names, _MODELS.value, strict=True)),
        device,
        plan=_plan(device),
        progress=console.progress,
        failed=failed,
    )
    reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
    if not rows:
        raise ValueError(f"{device.name} could run none of the models: {reasons}")
    measurements.append(_OUTPUT.value, rows)
    headers = ["model", "latency ms", "p10 ms", "p90 ms", "x reference"]
    cells = [(r.label, r.latency_ms, r.p10_ms, r.p90_ms, r.relative_latency) for r in rows]
    console.say(console.table(headers, cells))
    _warn_of_noise(rows)
    console.say(f"reference model: {rows[0].reference_ms:.4g} ms; rows in {_OUTPUT.value}")
    if failed:
        raise ValueError(
            f"{device.name} could not run {len(failed)} of {len(names)} models: {reasons}; the "
            "others were measured"
        )


def _benchmark_space(name: str) -> None:
    space = spaces.load_space(name)
    space = space.with_task(_CLASSES.value or space.num_classes, _RESOLUTION.value, _CHANNELS.value)
    recipes.recipe(_RECIPE.value)
    device = device_flags.device()
    rows = space_benchmark.run(
        space,
        _RECIPE.value,
        device,
        _OUTPUT.value,
        networks=_NETWORKS.value,
        num_parts=_PARTS.value,
        seed=_SEED.value,
        plan=_plan(device),
        progress=console.progress,
    )
    fastest, slowest = measurements.extremes(rows)
    networks = sum(row.kind == "network" for row in rows)
    console.say(
        f"{space.name}, {_RECIPE.value}, {device_flags.DEVICE.value}, "
        f"{device_flags.THREADS.value} thread(s): "
        f"{len(rows) - networks} parts and {networks} networks in {_OUTPUT.value}\n"
        f"fastest network {fastest.latency_ms:.4g} ms, slowest {slowest.latency_ms:.4g} ms, "
        f"reference model {fastest.reference_ms:.4g} ms"
    )
    _warn_of_noise(rows)


def _plan(device: Device) -> Plan:
    plan = dataclasses.replace(device.plan, seed=_SEED.value)
    if _ROUNDS.value is None:
        return plan
    rounds = _ROUNDS.value
    extra_rounds = min(plan.extra_rounds, rounds)
    return dataclasses.replace(plan, rounds=rounds, min_rounds=rounds, extra_rounds=extra_rounds)


def _warn_of_noise(rows: Sequence[measurements.Measurement]) -> None:
    noisy = [row for row in rows if row.noisy]
    if noisy:
        console.say(
            f"{len(noisy)} of {len(rows)} rows varied too much and are marked as noisy, for "
            f"example {noisy[0].label}: delete them and run the same command again when the "
            "device is idle and cool"
        )


if __name__ == "__main__":
    console.run(main)
