"""Compares searched networks with one network at several width multipliers: accuracy and latency.

    python -m tools.compare_widths --workdir=runs/curve

Reads the results of
`tools.compare_search --target_latency=0.1,0.3,0.5,0.7,0.9 --workdir=runs/curve`. The network has
MBConv 3x3 with expansion 6 in every slot, like MobileNetV2. For each target the tool takes the
multiplier whose measured latency is nearest to the target, and trains that network in the same
way as the searched children. Writes `widths/curve.json` and `widths/curve.png`. Run the command
again to resume.
"""

import itertools
import pathlib
import statistics
from typing import Any

from absl import flags

from tools.experiments import compared_child
from tools.flags import data_flags, device_flags
from tools.terminal import console
from tools.workflow import workdir

_WORKDIR = flags.DEFINE_string("workdir", None, "Work dir of tools.compare_search.", required=True)
_ALGORITHM = flags.DEFINE_string(
    "algorithm", "proxyless_gradient", "Search algorithm whose children are compared."
)

# Several multipliers may give the same network, which is then measured once.
_MULTIPLIERS = [i / 20 for i in range(5, 41)]


def main() -> None:
    """Measures and trains what is missing, then prints the table."""
    directory = pathlib.Path(_WORKDIR.value)
    # TensorFlow takes seconds to import, so these imports come late.
    import latency_models
    from nas import files
    from nas.architecture import spaces

    found = files.read_json(directory / "comparison.json")
    asked = found["settings"]
    searches = [s for s in found["searches"] if s["algorithm"] == _ALGORITHM.value]
    if not searches or searches[0]["test_accuracy"] is None:
        raise ValueError(
            f"{directory / 'comparison.json'}: expected trained children of {_ALGORITHM.value}, "
            "found none; run tools.compare_search with it and without --train_epochs=0"
        )
    table = latency_models.load(asked["latency_model"])
    if table.to_dict() != asked["model"]:
        raise ValueError(
            f"{asked['latency_model']}: expected the latency model of the comparison, received a "
            "different one; fit it again from the same measurements"
        )
    device = device_flags.device_of(table.environment_)
    data_flags.take(asked)
    space = spaces.load_space(str(directory / searches[0]["folder"] / "space.json"))
    of_targets = {s["target"]: s["target_latency_ms"] for s in searches}
    seeds = sorted({s["seed"] for s in searches})
    repeats = asked.pop("train_repeats", 1)
    widths = workdir.WorkDir(
        directory / "widths", asked, command="compare_widths", independent=True
    )
    with widths as owned:
        measured = _measured(space, table, device, owned)
        nearest = {
            target: min(measured, key=lambda m: abs(measured[m][1] - target_ms))
            for target, target_ms in of_targets.items()
        }
        children = {m: measured[m][0] for m in sorted(set(nearest.values()))}
        console.title(f"Training with width multipliers {', '.join(f'{m:g}' for m in children)}")
        accuracies = _accuracies(children, seeds, repeats, asked, owned)
        rows = [
            _row(target, of_targets[target], m, measured[m][1], accuracies[m], searches)
            for target, m in nearest.items()
        ]
        _report(rows, asked, owned.path)


def _measured(space: Any, table: Any, device: Any, owned: workdir.WorkDir) -> dict[float, Any]:
    """Network and measured milliseconds by multiplier; equal networks appear once."""
    from latency_models.measuring import block_benchmarks, parts
    from nas.architecture.spaces import width_multiplied

    by_key: dict[str, tuple[float, Any]] = {}
    for multiplier in _MULTIPLIERS:
        child = width_multiplied.fixed_width(space, multiplier)
        by_key.setdefault(parts.network_part(child).key, (multiplier, child))
    console.title(f"Latency of {len(by_key)} widths")
    rows = block_benchmarks.benchmark_parts(
        [parts.network_part(child) for _, child in by_key.values()],
        space,
        table.recipe_,
        device,
        owned.path / "measurements.jsonl",
        progress=console.progress,
    )
    times = {row.key: row.normalized_ms(table.reference_ms_) for row in rows}
    return {multiplier: (child, times[key]) for key, (multiplier, child) in by_key.items()}


def _accuracies(
    children: dict[float, Any],
    seeds: list[int],
    repeats: int,
    asked: dict[str, Any],
    owned: workdir.WorkDir,
) -> dict[float, list[float]]:
    """Keras test accuracies by multiplier, after as many trainings as a searched child had."""
    from nas import files
    from nas.architecture import spec_json

    trainings: dict[float, list[compared_child.Training]] = {m: [] for m in children}
    for (multiplier, child), seed in itertools.product(children.items(), seeds):
        folder = f"{child.name}/seed_{seed}"
        files.write_json(owned.path / folder / "child.json", spec_json.to_dict(child))
        trainings[multiplier] += compared_child.trainings(folder, seed, repeats)
    compared_child.train([one for of in trainings.values() for one in of], asked, owned)
    parity = compared_child.parity(asked)

    def accuracy(training: compared_child.Training) -> float:
        return files.read_json(owned.path / training.folder / parity)["accuracy_keras"]

    return {m: [accuracy(one) for one in of] for m, of in trainings.items()}


def _row(
    target: float,
    target_ms: float,
    multiplier: float,
    latency_ms: float,
    accuracies: list[float],
    searches: list[dict[str, Any]],
) -> dict[str, Any]:
    at_target = [s for s in searches if s["target"] == target]
    return {
        "target": target,
        "target_latency_ms": target_ms,
        "width_multiplier": multiplier,
        "width_latency_ms": latency_ms,
        "width_accuracies": accuracies,
        "searched_latency_ms": statistics.fmean(s["measured_latency_ms"] for s in at_target),
        "searched_predicted_ms": [s["predicted_latency_ms"] for s in at_target],
        "searched_accuracies": [a for s in at_target for a in s["test_accuracies"]],
    }


def _report(rows: list[dict[str, Any]], asked: dict[str, Any], path: pathlib.Path) -> None:
    from latency_models.judging import plots
    from nas import files

    rows = sorted(rows, key=lambda row: row["target"])
    files.write_json(
        path / "curve.json",
        {
            "schema_version": 1,
            "algorithm": _ALGORITHM.value,
            "networks": rows,
            "settings": asked,
            "provenance": files.provenance(),
        },
    )
    curves = {
        name: [
            (r[f"{key}_latency_ms"], 100 * statistics.fmean(r[f"{key}_accuracies"])) for r in rows
        ]
        for name, key in (("searched", "searched"), ("one width multiplier", "width"))
    }
    plots.accuracy_over_latency(path / "curve.png", curves, f"{asked['space']}, {asked['dataset']}")
    console.title("Searched networks against widths")
    cells = [
        (
            row["target"],
            row["target_latency_ms"],
            row["searched_latency_ms"],
            f"{100 * statistics.fmean(row['searched_accuracies']):.2f}",
            row["width_multiplier"],
            row["width_latency_ms"],
            f"{100 * statistics.fmean(row['width_accuracies']):.2f}",
        )
        for row in rows
    ]
    headers = ["target", "target ms", "searched ms", "accuracy %", "x width", "ms", "accuracy %"]
    console.say(console.table(headers, cells))
    console.say(f"\nresults are in {path / 'curve.json'} and curve.png")


if __name__ == "__main__":
    console.run(main)
