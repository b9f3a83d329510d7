r"""Compares search algorithms: which finds the best network in equal time?

    python -m tools.compare_search --space=cifar --dataset=cifar10 --target_latency=0.5 \
        --latency_model=runs/quick/latency_model.json --search_seconds=180 --workdir=runs/algorithms

Every algorithm searches for every target with every seed, each search in its own process and for
about the same time. Two short searches measure an algorithm's seconds per image, which give the
number of training images it may use. Every child is trained in the same way, `--train_repeats`
times, exported and timed. `random` spends its time on training networks, the others on a supernet.
One-Shot spends part of its time on evaluating networks, `--evolution_population` times
`--evolution_generations` of them. Several targets give a curve of accuracy over latency;
`--train_epochs=0` compares latencies alone. Children are timed on the device of the latency model,
unless --device names another. Run the command again to resume, also with more seeds, targets,
algorithms or trainings. A stopped search starts anew, since its time is part of the result.
"""

import itertools
import os
import pathlib
import shutil
from typing import Any

from absl import flags

from tools.experiments import compared_child, comparison_report, subcommand
from tools.flags import algorithm_flags, comparison_flags, data_flags, device_flags
from tools.terminal import console, idle_flags
from tools.workflow import workdir

_SPACE = flags.DEFINE_string("space", "cifar", "Search space: a name, or a .json file.")
_TARGETS = flags.DEFINE_list(
    "target_latency",
    ["0.5"],
    "Target latencies as fractions: 0 is the fastest child, 1 the slowest.",
)
_TARGETS_MS = flags.DEFINE_list(
    "target_latency_ms",
    [],
    "Instead: target latencies in milliseconds, to compare different spaces at the same targets.",
)
_ALGORITHMS = flags.DEFINE_list(
    "algorithms", [], "Search algorithms to compare; all if none is named."
)
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of searches and trainings.")
_SECONDS = flags.DEFINE_float(
    "search_seconds", 180.0, "Seconds for each search; 0 uses all images.", lower_bound=0.0
)
_WARMUP = flags.DEFINE_integer("warmup_epochs", 2, "Warm-up epochs of each search.", lower_bound=1)
_EPOCHS = flags.DEFINE_integer(
    "epochs", 3, "Epochs of each search after the warm-up.", lower_bound=1
)
_ARCH_RATE = flags.DEFINE_float(
    "arch_learning_rate", 0.02, "Learning rate of alpha.", lower_bound=1e-9
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Images per search step.", lower_bound=1)
_TRAIN_EPOCHS = flags.DEFINE_integer(
    "train_epochs", 7, "Epochs of each child's training; 0 trains none.", lower_bound=0
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for all files.", required=True)

# Networks that `random` trains, if there are as many epochs.
_RANDOM_NETWORKS = 5
# Images per epoch of the longer of the two searches that measure the time per image. The shorter
# one uses a quarter, which is still enough for the moments used in evaluating networks.
_PROBE_IMAGES = 10240


def main() -> None:
    """Searches, trains and times what is missing, then prints the table."""
    from nas.searching import algorithm_names

    algorithms = _ALGORITHMS.value or list(algorithm_names.DESCRIPTIONS)
    for name in algorithms:
        algorithm_names.check_name(name)
    algorithm_flags.check(algorithms)
    idle_flags.check(
        idle_flags.Rule(
            ["train_repeats", *device_flags.NAMES],
            _TRAIN_EPOCHS.value > 0,
            "with children that are trained",
            "it with --train_epochs=0",
        )
    )
    targets, seeds = _targets(), _numbers(_SEEDS, int)
    # TensorFlow takes seconds to import, so these imports come late.
    import latency_models
    from nas.architecture import spaces
    from tools.workflow import stages

    spaces.load_space(_SPACE.value)
    table = latency_models.load(comparison_flags.LATENCY_MODEL.value)
    device = device_flags.device_of(table.environment_) if _TRAIN_EPOCHS.value else None
    dataset = stages.load_dataset(
        data_flags.DATASET.value,
        data_flags.DATA_DIR.value,
        seed=0,
        validation_size=comparison_flags.VALIDATION_SIZE.value,
        max_train_examples=comparison_flags.MAX_TRAIN.value,
        images=data_flags.options(),
    )
    available = len(dataset.train)
    if available < 8 * _BATCH_SIZE.value:
        raise ValueError(
            f"max_train_examples: expected at least {8 * _BATCH_SIZE.value}, eight batches, "
            f"received {available}"
        )
    asked = _asked() | {"model": table.to_dict()}
    directory = workdir.WorkDir(_WORKDIR.value, asked, command="compare_search", independent=True)
    with directory as owned:
        images = {name: _images(name, targets[0], available, owned) for name in algorithms}
        cells = list(itertools.product(targets, seeds, algorithms))
        for number, (target, seed, name) in enumerate(cells):
            aimed = comparison_report.target_text(target)
            console.title(f"{name}, target {aimed}, seed {seed} ({number + 1} of {len(cells)})")
            _search_once(name, target, seed, images[name], owned)
            console.say(f"  {comparison_report.line(_row(name, target, seed, images, owned))}")
        if device is not None:
            console.title("Training")
            # Train every child once before training any of them a second time.
            by_child = [_trainings(*cell) for cell in cells]
            wanted = [one for repeat in zip(*by_child, strict=True) for one in repeat]
            compared_child.train(wanted, asked, owned)
        rows = [_row(name, target, seed, images, owned) for target, seed, name in cells]
        if device is not None:
            _time(rows, table, device, owned)
        asked["train_repeats"] = comparison_flags.REPEATS.value
        comparison_report.write(rows, asked, owned.path)


def _asked() -> dict[str, Any]:
    """Values of the flags that every search and training depends on, by flag name."""
    shared: list[Any] = [
        _SPACE,
        data_flags.DATASET,
        comparison_flags.LATENCY_MODEL,
        _SECONDS,
        _WARMUP,
        _EPOCHS,
    ]
    shared += [
        _ARCH_RATE,
        _BATCH_SIZE,
        _TRAIN_EPOCHS,
        comparison_flags.MAX_TRAIN,
        comparison_flags.VALIDATION_SIZE,
    ]
    asked = {flag.name: flag.value for flag in shared}
    return asked | data_flags.given() | algorithm_flags.given()


def _targets() -> list[float]:
    if not _TARGETS_MS.value:
        return _numbers(_TARGETS, float)
    if _TARGETS.present:
        raise ValueError(
            "expected --target_latency or --target_latency_ms, received both; leave one out"
        )
    return _numbers(_TARGETS_MS, comparison_report.Milliseconds)


def _numbers(holder: Any, kind: type) -> list:
    try:
        return [kind(text) for text in holder.value]
    except ValueError:
        raise ValueError(
            f"{holder.name}: expected numbers separated by commas, received "
            f"{','.join(holder.value)!r}"
        ) from None


def _search(
    name: str, target: float, seed: int, images: int, path: pathlib.Path, **changed: int
) -> subcommand.Usage:
    given: dict[str, Any] = {
        "algorithm": name,
        "space": _SPACE.value,
        "latency_model": os.path.abspath(comparison_flags.LATENCY_MODEL.value),
        comparison_report.target_flag(target): float(target),
        "seed": seed,
        "max_train_examples": images,
        "validation_size": comparison_flags.VALIDATION_SIZE.value,
        "batch_size": _BATCH_SIZE.value,
        "warmup_epochs": _WARMUP.value,
        "epochs": _EPOCHS.value,
        "arch_learning_rate": _ARCH_RATE.value,
        "workdir": path.resolve(),
        **changed,
    }
    # Each random network needs at least one epoch.
    epochs = given["warmup_epochs"] + given["epochs"]
    if name == "random":
        given["random_networks"] = min(_RANDOM_NETWORKS, epochs)
    given |= algorithm_flags.given(name)
    given = {k: v for k, v in given.items() if algorithm_flags.is_used(k, name)}
    arguments = compared_child.arguments(given)
    return subcommand.run("search", arguments, path / "search.log")


def _images(name: str, target: float, available: int, owned: workdir.WorkDir) -> int:
    """Number of training images with which a search takes `--search_seconds`."""
    from nas import files, schemas
    from nas.file_kinds import RESULT
    from tools.experiments import finished_runs

    if not _SECONDS.value:
        return available
    most = min(_PROBE_IMAGES, available)
    result = owned.path / "probes" / f"{name}.json"

    def probe() -> None:
        console.title(f"Timing {name}")
        found = []
        for images in (most // 4, most):
            path = owned.path / "probes" / f"{name}_{images}"
            used = _search(name, target, 0, images, path, warmup_epochs=1, epochs=1)
            found.append((images, used.seconds))
        (few, short), (many, long) = found
        # Each search has two epochs. The fixed part of the time is the same in a longer search.
        by_image = max((long - short) / (2 * (many - few)), 1e-6)
        fixed = max(short - 2 * few * by_image, 0.0)
        files.write_json(result, {"seconds_an_image": by_image, "seconds_at_least": fixed})

    owned.stage(f"probe {name}", probe, [f"probes/{name}.json"])
    found = schemas.read(finished_runs.Probe, result, RESULT)
    epochs = _WARMUP.value + _EPOCHS.value
    left = _SECONDS.value - found.seconds_at_least
    images = int(left / (epochs * found.seconds_an_image))
    if images < 2 * _BATCH_SIZE.value:
        raise ValueError(
            f"search_seconds: expected more for {name}, which needs "
            f"{found.seconds_at_least:.0f} s before its first image; received {_SECONDS.value:g}"
        )
    # Round to thousands, so that two runs of this command choose the same number.
    return min(max(images // 1000 * 1000, 2 * _BATCH_SIZE.value), available)


def _folder(target: float, seed: int, name: str) -> str:
    return comparison_report.folder(name, target, seed)


def _trainings(target: float, seed: int, name: str) -> list[compared_child.Training]:
    return compared_child.trainings(
        _folder(target, seed, name), seed, comparison_flags.REPEATS.value
    )


def _search_once(name: str, target: float, seed: int, images: int, owned: workdir.WorkDir) -> None:
    from nas import files

    folder = _folder(target, seed, name)
    path = owned.path / folder

    def search() -> None:
        # The time that a stopped search took is unknown, so start over.
        shutil.rmtree(path, ignore_errors=True)
        usage = _search(name, target, seed, images, path)
        of_search = {"search_seconds": usage.seconds, "search_cpu_seconds": usage.cpu_seconds}
        files.write_json(path / "usage.json", {**of_search, "peak_mib": usage.peak_mib})

    owned.stage(f"search {folder}", search, [f"{folder}/child.json", f"{folder}/usage.json"])


def _row(
    name: str, target: float, seed: int, images: dict[str, int], owned: workdir.WorkDir
) -> dict[str, Any]:
    path = owned.path / _folder(target, seed, name)
    trained = [owned.path / one.folder for one in _trainings(target, seed, name)]
    return comparison_report.row(
        path, trained, name, target, seed, images[name], comparison_flags.LATENCY_MODEL.value
    )


def _time(rows: list[dict[str, Any]], table: Any, device: Any, owned: workdir.WorkDir) -> None:
    """Times all children in turn and adds `measured_latency_ms` to their rows."""
    from latency_models.measuring import block_benchmarks, measurements

    console.title("Latency of the children")
    own = table.to_dict()
    files_of = {row["folder"]: f"{row['folder']}/child_{own['recipe']}.tflite" for row in rows}
    models = {folder: owned.path / name for folder, name in files_of.items()}
    output = owned.path / "measurements.jsonl"

    def measure() -> None:
        found = block_benchmarks.benchmark_models(
            models,
            device,
            recipe_by_name=dict.fromkeys(models, own["recipe"]),
            progress=console.progress,
        )
        measurements.append(output, found)

    owned.stage("measure", measure, ["measurements.jsonl"], list(files_of.values()))
    by_key = {row.key: row for row in measurements.read(output)}
    for row in rows:
        key = measurements.file_key(models[row["folder"]])
        measured = by_key[key].normalized_ms(table.reference_ms_)
        row["measured_latency_ms"] = measured


if __name__ == "__main__":
    console.run(main)
