"""Compares time and memory of the supernet's steps with those of training single children.

    python -m tools.benchmark_supernet --space=proxyless_imagenet --batch_size=16 \
        --output=supernet.json

In one run, steps take turns: the weight step on random paths, the training steps of the same
children, the architecture steps, and the mixtures of all paths that binary gates avoid. Peak
memory follows, each step in its own process; if widths are decisions, on the largest path. Last,
both are measured again for different numbers of candidates per slot.
"""

import pathlib
import statistics
import time
from typing import Any

import numpy as np
from absl import flags

from nas import reading, schemas
from nas.file_kinds import RESULT
from tools.terminal import console, idle_flags

_MEASURE = flags.DEFINE_list(
    "measure", ["times", "memory", "growth"], "What to measure now: times, memory, growth."
)
_SPACE = flags.DEFINE_string("space", "cifar", "Search space: a name, or a .json file.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Images per step.", lower_bound=1)
_RESOLUTION = flags.DEFINE_integer(
    "resolution", None, "Height and width in pixels; the space's own if not given.", lower_bound=1
)
_PATHS = flags.DEFINE_integer("paths", 3, "Number of random paths.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer(
    "rounds", 10, "Number of rounds; each round runs every step once.", lower_bound=1
)
_PROCESSES = flags.DEFINE_integer(
    "memory_processes", 3, "Processes for each peak memory; 0 skips memory.", lower_bound=0
)
_GROWTH = flags.DEFINE_list(
    "growth", ["1", "2", "3", "6"], "Numbers of candidates per slot, each from 1 to 6."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed for the paths.", lower_bound=0)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the numbers.", required=True)


def main() -> None:
    """Measures, writes the file and prints the table."""
    measure, growth = _measurements(), [_count(text) for text in _GROWTH.value]
    from nas import files
    from tools.experiments.steps import peak_memory, supernet_report, supernet_steps

    if _PROCESSES.value and not peak_memory.available():
        raise ValueError(
            "memory_processes: peak memory is read from /proc, which this system lacks; "
            "expected 0 here"
        )
    space = supernet_steps.load_space(_SPACE.value, _RESOLUTION.value)
    settings = {
        "schema_version": 1,
        "space": space.name,
        "batch_size": _BATCH_SIZE.value,
        "resolution": space.largest_resolution,
    }
    found = _earlier(settings) | settings
    rows = {row["candidates"]: row for row in found.get("growth", [])}

    def keep(**values: Any) -> None:
        grown = [rows[count] for count in sorted(rows)]
        found.update(values, growth=grown, provenance=files.provenance())
        files.write_json(_OUTPUT.value, found)

    def grow(count: int, **values: Any) -> None:
        rows[count] = rows.get(count, {"candidates": count}) | values
        console.say(f"{count} candidate(s) per slot: " + _joined(rows[count]))
        keep()

    if "times" in measure:
        keep(**_times(space))
    if "growth" in measure:
        for count in growth:
            grow(count, **_grown_times(space, count))
    if "memory" in measure and _PROCESSES.value:
        keep(**_memory(space))
        for count in growth:
            grow(count, **_grown_memory(space, count))
    supernet_report.show(found)
    console.say(f"all numbers are in {_OUTPUT.value}")


def _measurements() -> list[str]:
    known = ("times", "memory", "growth")
    for name in _MEASURE.value:
        if name not in known:
            raise ValueError(f"measure: expected some of {', '.join(known)}, received {name!r}")
    asked = set(_MEASURE.value)
    received = f"it with --measure={','.join(_MEASURE.value)}"
    idle_flags.check(
        idle_flags.Rule(
            ["growth"], asked != {"times"}, "with --measure=growth or memory", received
        ),
        idle_flags.Rule(["paths"], "times" in asked, "with --measure=times", received),
        idle_flags.Rule(["memory_processes"], "memory" in asked, "with --measure=memory", received),
        idle_flags.Rule(
            ["rounds"], asked != {"memory"}, "with --measure=times or growth", received
        ),
        idle_flags.Rule(["seed"], asked != {"growth"}, "with --measure=times or memory", received),
    )
    return _MEASURE.value


def _earlier(settings: dict[str, Any]) -> dict[str, Any]:
    path = pathlib.Path(_OUTPUT.value)
    if not reading.exists(path):
        return {}
    found = schemas.read(dict[str, Any], path, RESULT)
    return found if all(found.get(key) == value for key, value in settings.items()) else {}


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 6:
        raise ValueError(f"growth: expected numbers from 1 to 6, received {text!r}")
    return int(text)


def _times(space) -> dict[str, Any]:
    from nas.searching.algorithms.proxyless_gradient import FullGradient, TwoPathGradient
    from nas.searching.algorithms.proxyless_reinforce import Reinforce
    from tools.experiments.steps import supernet_steps

    batch_size = _BATCH_SIZE.value
    paths = supernet_steps.random_paths(space, _PATHS.value, _SEED.value)
    trace_s, first_step_s = supernet_steps.SupernetSteps(space, batch_size).compile_search()
    net = supernet_steps.SupernetSteps(space, batch_size)
    shared = {
        "arch_two": net.architecture(TwoPathGradient()),
        "arch_full": net.architecture(FullGradient()),
        "arch_reinforce": net.architecture(Reinforce()),
        "one_shot": net.mixture(normalized=False),
    }
    if "darts" in supernet_steps.step_kinds(space):
        shared["darts"] = net.mixture(normalized=True)
    turns = [
        {
            "weight": net.weight(path),
            "stock": supernet_steps.stock_child(space, path, batch_size),
            "same": supernet_steps.same_kernels_child(space, path, batch_size),
            **shared,
        }
        for path in paths
    ]
    seconds: dict[str, list[float]] = {name: [] for name in turns[0]}
    total = (1 + _ROUNDS.value) * len(turns) * len(seconds)
    with console.Progress(total, "timing", "steps") as bar:
        for round_ in range(1 + _ROUNDS.value):
            for steps in turns:
                for name, step in steps.items():
                    start = time.perf_counter()
                    step()
                    # The first round traces the functions.
                    if round_:
                        seconds[name].append(time.perf_counter() - start)
                    bar.update()

    def ratio(name: str, to: str) -> float:
        """Median ratio over pairs of steps that ran in the same round on the same path."""
        return float(np.median(np.divide(seconds[name], seconds[to])))

    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "weight_step_s": medians["weight"],
        "child_step_s": medians["stock"],
        "child_same_kernels_step_s": medians["same"],
        "step_ratio": ratio("weight", "stock"),
        "step_ratio_same_kernels": ratio("weight", "same"),
        "images_per_s": batch_size / medians["weight"],
        "trace_s": trace_s,
        "first_step_s": first_step_s,
    } | {
        f"{name}_{key}": value
        for name in shared
        for key, value in (("step_s", medians[name]), ("ratio", ratio(name, "weight")))
    }


def _memory(space) -> dict[str, Any]:
    from tools.experiments.steps import peak_memory, supernet_steps

    path = supernet_steps.random_paths(space, 1, _SEED.value)[0]
    if space.widths:
        # A small child would need less than the weights of the supernet's rows.
        path = supernet_steps.largest_path(space)
    kinds = supernet_steps.step_kinds(space)
    peaks = {
        kind: peak_memory.of_step(kind, space, path, _BATCH_SIZE.value, _PROCESSES.value)
        for kind in console.progress(kinds, label="peak memory", unit="steps")
    }
    of_process = {kind: peak.process for kind, peak in peaks.items()}
    of_tensors = {kind: peak.tensors for kind, peak in peaks.items() if peak.tensors is not None}
    found: dict[str, Any] = {
        "peak_memory_mib": of_process,
        "peak_memory_ratio": of_process["supernet"] / of_process["child"],
    }
    if len(of_tensors) == len(peaks):
        found["peak_tensors_mib"] = of_tensors
        found["peak_tensors_ratio"] = of_tensors["supernet"] / of_tensors["child"]
    return found


def _grown_times(space, count: int) -> dict[str, float]:
    """Times the path of first candidates in a space with `count` candidates per slot."""
    from tools.experiments.steps import supernet_steps

    grown = supernet_steps.with_candidates(space, count)
    trace_s, first_step_s = supernet_steps.SupernetSteps(grown, _BATCH_SIZE.value).compile_search()
    first = [0] * len(grown.option_counts)
    step = supernet_steps.SupernetSteps(grown, _BATCH_SIZE.value).weight(first)
    step()
    seconds = []
    for _ in range(_ROUNDS.value):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return {
        "trace_s": trace_s,
        "first_step_s": first_step_s,
        "weight_step_s": statistics.median(seconds),
    }


def _grown_memory(space, count: int) -> dict[str, float]:
    from tools.experiments.steps import peak_memory, supernet_steps

    grown = supernet_steps.with_candidates(space, count)
    path = [0] * len(grown.option_counts)
    peak = peak_memory.of_step("supernet", grown, path, _BATCH_SIZE.value, _PROCESSES.value)
    tensors = {} if peak.tensors is None else {"peak_tensors_mib": peak.tensors}
    return {"peak_memory_mib": peak.process, **tensors}


def _joined(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in row.items() if name != "candidates")


if __name__ == "__main__":
    console.run(main)
