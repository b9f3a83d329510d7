"""Compares searched networks with fixed designs of multiplied width: accuracy and latency.

    python -m tools.compare_widths --workdir=runs/curve

Reads the results of `tools.compare_search --workdir=runs/curve` with several targets, such as
`--target_latency=0.1,0.3,0.5,0.7,0.9` or five of `--target_latency_ms`. There are two designs
(tools/experiments/fixed_baselines.py): the plain network of the space with all widths multiplied,
like MobileNetV2, and one with the pattern of MobileNetV3 on the stages of the space. Its hard swish
is kept only if the recipe has it and the network is measured not to be slower than with ReLU.

For each target and design the tool takes the multiplier whose measured latency is nearest to the
target, and trains that network in the same way and as often as the searched children. Writes
`widths/curve.json` and `widths/curve.png`. Run the command again to resume.
"""

import itertools
import pathlib
from typing import Any

from absl import flags

from tools.experiments import compared_child, designs_report
from tools.flags import data_flags, device_flags
from tools.terminal import console
from tools.workflow import workdir

_WORKDIR = flags.DEFINE_string("workdir", None, "Work dir of tools.compare_search.", required=True)
_ALGORITHM = flags.DEFINE_string(
    "algorithm", "proxyless_gradient", "Search algorithm whose children are compared."
)

# Settings of tools.compare_search on which the designs and their trainings depend. Searches may be
# repeated with other settings, and the designs keep their results.
_SETTINGS = ("space", "model", "train_epochs", "max_train_examples", "validation_size")
# Latencies vary by about this much from one measurement to the next.
_SAME = 1.02


def main() -> None:
    """Measures and trains what is missing, then prints the table."""
    directory = pathlib.Path(_WORKDIR.value)
    # TensorFlow takes seconds to import, so these imports come late.
    import latency_models
    from nas.architecture import spaces
    from tools.experiments import finished_runs
    from tools.workflow import stages

    found = finished_runs.comparison(directory / "comparison.json")
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
    own = {name: asked[name] for name in (*_SETTINGS, *data_flags.NAMES) if name in asked}
    widths = workdir.WorkDir(directory / "widths", own, command="compare_widths", independent=True)
    with widths as owned:
        measured = _designs(space, table, device, owned)
        nearest = {
            (design, target): min(of, key=lambda m: abs(of[m][1] - target_ms))
            for design, of in measured.items()
            for target, target_ms in of_targets.items()
        }
        chosen = {(design, m): measured[design][m][0] for (design, _), m in nearest.items()}
        console.title(f"Training {len(chosen)} networks of fixed design")
        accuracies = _accuracies(chosen, seeds, repeats, asked, owned)
        rows = [designs_report.searched_row(target, searches) for target in sorted(of_targets)]
        for row, design in itertools.product(rows, measured):
            m = nearest[design, row["target"]]
            row[f"{design}_multiplier"] = m
            row[f"{design}_latency_ms"] = measured[design][m][1]
            row[f"{design}_accuracies"] = accuracies[design, m]
            row[f"{design}_choices"] = stages.describe(measured[design][m][0])
        designs_report.write(rows, _ALGORITHM.value, asked, owned.path)


def _designs(
    space: Any, table: Any, device: Any, owned: workdir.WorkDir
) -> dict[str, dict[float, Any]]:
    """Network and measured milliseconds of each design by multiplier; equal networks once."""
    from tools.experiments import fixed_baselines

    plain = {m: fixed_baselines.plain(space, m) for m in fixed_baselines.MULTIPLIERS}
    console.title("Latency of the designs")
    hard_swish = False
    if fixed_baselines.allows_hard_swish(space, table.recipe_):
        both = [fixed_baselines.v3_style(space, 1.0, swish) for swish in (False, True)]
        relu_ms, swish_ms = _measured(both, space, table, device, owned)
        hard_swish = swish_ms <= _SAME * relu_ms
        told = "kept" if hard_swish else "replaced by ReLU"
        console.say(
            f"  MobileNetV3 style: {swish_ms:.4g} ms with hard swish, {relu_ms:.4g} ms with ReLU: "
            f"hard swish is {told}"
        )
    v3 = {m: fixed_baselines.v3_style(space, m, hard_swish) for m in fixed_baselines.MULTIPLIERS}
    found = {}
    for design, networks in (("width", plain), ("v3", v3)):
        distinct = _distinct(networks)
        times = _measured(list(distinct.values()), space, table, device, owned)
        both_of = zip(distinct.items(), times, strict=True)
        found[design] = {m: (child, ms) for (m, child), ms in both_of}
    return found


def _distinct(networks: dict[float, Any]) -> dict[float, Any]:
    """Every different network once, by the smallest multiplier that gives it."""
    from latency_models.measuring import parts

    by_key: dict[str, tuple[float, Any]] = {}
    for multiplier, child in networks.items():
        by_key.setdefault(parts.network_part(child).key, (multiplier, child))
    return dict(by_key.values())


def _measured(
    networks: list[Any], space: Any, table: Any, device: Any, owned: workdir.WorkDir
) -> list[float]:
    """Milliseconds of each network, as the latency model counts them."""
    from latency_models.measuring import block_benchmarks, parts

    wanted = [parts.network_part(child) for child in networks]
    rows = block_benchmarks.benchmark_parts(
        wanted,
        space,
        table.recipe_,
        device,
        owned.path / "measurements.jsonl",
        progress=console.progress,
    )
    times = {row.key: row.normalized_ms(table.reference_ms_) for row in rows}
    return [times[part.key] for part in wanted]


def _accuracies(
    children: dict[tuple[str, float], Any],
    seeds: list[int],
    repeats: int,
    asked: dict[str, Any],
    owned: workdir.WorkDir,
) -> dict[tuple[str, float], list[float]]:
    """Keras test accuracies by network, after as many trainings as a searched child had."""
    from export.checks import parity_record
    from nas import files
    from nas.architecture import spec_json

    trainings: dict[tuple[str, float], list[compared_child.Training]] = {m: [] for m in children}
    for (network, child), seed in itertools.product(children.items(), seeds):
        folder = f"{child.name}/seed_{seed}"
        files.write_json(owned.path / folder / "child.json", spec_json.to_dict(child))
        trainings[network] += compared_child.trainings(folder, seed, repeats)
    compared_child.train([one for of in trainings.values() for one in of], asked, owned)
    parity = compared_child.parity(asked)

    def accuracy(training: compared_child.Training) -> float:
        return parity_record.read(owned.path / training.folder / parity).accuracy_keras

    return {m: [accuracy(one) for one in of] for m, of in trainings.items()}


if __name__ == "__main__":
    console.run(main)
