"""Compares the searched network with random networks of equal latency, trained in the same way.

    python -m tools.compare_random --workdir=runs/quick --count=5 --repeats=3

Reads the work dir of a finished pipeline. Draws children uniformly from those of its space whose
predicted latency is within 5 % (`--tolerance`) of the searched child's. Trains each exactly as the
searched child was trained, and writes `comparison/comparison.json`. Run the command again to
resume.

A network's accuracy differs from one training to the next. `--repeats=N` trains every network,
including the searched one, with N seeds: the pipeline's seed and the N - 1 seeds after it.
"""

import dataclasses
import functools
import pathlib
import statistics
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

import latency_models
from nas import files, reading, schemas
from nas.architecture import spaces, spec_json
from nas.architecture.specs import Child, SearchSpace
from nas.data.image_options import ImageOptions
from nas.file_kinds import CONFIG
from nas.pretrained import init_names
from tools.experiments import finished_runs
from tools.terminal import console
from tools.workflow import workdir

if TYPE_CHECKING:
    from nas.choices.chain_costs import ChainCosts
    from nas.data.splits.dataset import Dataset
    from nas.training.train_config import TrainConfig

_WORKDIR = flags.DEFINE_string("workdir", None, "Work dir of a finished pipeline.", required=True)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "TFDS folder; TFDS' own default if not given.")
_COUNT = flags.DEFINE_integer("count", 5, "Number of random children.", lower_bound=1)
_REPEATS = flags.DEFINE_integer(
    "repeats", 1, "Trainings of every network, each with its own seed.", lower_bound=1
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed for the random children.", lower_bound=0)
_TOLERANCE = flags.DEFINE_float(
    "tolerance",
    0.05,
    "Largest relative difference from the searched child's predicted latency.",
    lower_bound=0.0,
)

_MOST_DRAWS = 100_000


def random_children(
    space: SearchSpace,
    latencies: "ChainCosts",
    like: Child,
    count: int,
    seed: int,
    tolerance: float,
) -> list[Child]:
    """Draws different children uniformly from those as fast as `like`, within `tolerance`.

    Raises:
        ValueError: too few such children were found.
    """
    generator = np.random.default_rng(seed)
    wanted_ms = latencies.of(space.choices(like))
    found: list[tuple[int, ...]] = []
    for _ in range(_MOST_DRAWS):
        choices = tuple(int(generator.integers(count)) for count in space.option_counts)
        is_new = choices not in (*found, space.choices(like))
        if is_new and abs(latencies.of(choices) / wanted_ms - 1.0) <= tolerance:
            found.append(choices)
            if len(found) == count:
                return [space.child(c, f"random_{i}") for i, c in enumerate(found)]
    raise ValueError(
        f"count: expected at most {len(found)}, the number of children found within "
        f"{tolerance:.0%} of {wanted_ms:.3g} ms; received {count}"
    )


def main() -> None:
    """Trains the networks that are missing and prints the table."""
    from nas.training.train_config import TrainConfig
    from tools.workflow import stages

    directory = pathlib.Path(_WORKDIR.value)
    summary, settings = finished_runs.pipeline(directory)
    finished_runs.check_start(settings, directory)
    space = spaces.load_space(str(directory / "space.json"))
    searched = spaces.load_child(str(directory / "child.json"))
    table = latency_models.load(directory / "latency_model.json")
    preset, source = settings["preset"], str(directory / "config.json")
    trained = {**preset["train"], "seed": settings["seed"]}
    config = schemas.parse(TrainConfig, trained, source, CONFIG, "pipeline.preset.train")
    given = settings.get("images", {})
    images = schemas.parse(ImageOptions, given, source, CONFIG, "pipeline.images")
    names = ("space.json", "child.json", "latency_model.json")
    with reading.named(*(directory / name for name in names)):
        latencies = table.costs(space)
        space.choices(searched)
        table.predict(searched)
    asked_for = (_COUNT.value, _SEED.value, _TOLERANCE.value)
    children = random_children(space, latencies, searched, *asked_for)
    # Everything the random children depend on; another latency model would draw others.
    asked = {
        "seed": _SEED.value,
        "tolerance": _TOLERANCE.value,
        "searched": spec_json.to_dict(searched),
        "latency_model": table.to_dict(),
    }
    with workdir.WorkDir(directory / "comparison", asked, command="compare") as owned:

        @functools.cache
        def dataset_at(resolution: int) -> "Dataset":
            return stages.load_dataset(
                str(summary.dataset),
                _DATA_DIR.value,
                seed=settings["seed"],
                validation_size=preset["validation_size"],
                max_train_examples=settings["max_train_examples"],
                images=dataclasses.replace(images, resolution=resolution),
            )

        rows = []
        for child in (searched, *children):
            name = "searched" if child is searched else child.name
            console.title(f"{name}: {stages.describe(child, space)}")
            # The random networks begin with random weights; so must the searched one.
            is_there = (
                child is searched and preset.get("init", init_names.RANDOM) == init_names.RANDOM
            )
            accuracies = [summary.test_accuracy] if is_there else []
            for seed in range(config.seed + len(accuracies), config.seed + _REPEATS.value):
                one = dataclasses.replace(config, seed=seed)
                dataset = dataset_at(child.resolution)
                accuracies.append(_trained(child, dataset, one, owned, f"{name}/seed_{seed}"))
            rows.append(_row(name, stages.describe(child, space), child, table, accuracies))
        _report(rows, owned.path / "comparison.json", config)


def _trained(
    child: Child, dataset: "Dataset", config: "TrainConfig", owned: workdir.WorkDir, folder: str
) -> float:
    """Test accuracy of one training; trains unless the result is there."""
    from tools.workflow import stages

    result = owned.path / folder / "result.json"

    def train() -> None:
        accuracy = stages.run_train(child, dataset, config, owned.path / folder).accuracy
        found = {"test_accuracy": accuracy, "provenance": files.provenance()}
        files.write_json(result, {**spec_json.to_dict(child), **found})

    owned.stage(folder, train, [f"{folder}/result.json"])
    return finished_runs.result(result).test_accuracy


def _row(
    name: str,
    described: str,
    child: Child,
    table: latency_models.LatencyModel,
    accuracies: list,
) -> dict:
    from tools.workflow import stages

    return {
        "network": name,
        "choices": described,
        "test_accuracy": statistics.fmean(accuracies),
        "test_accuracies": accuracies,
        "predicted_latency_ms": table.predict(child),
        **stages.size_of(child),
    }


def _report(rows: list[dict], path: pathlib.Path, config: "TrainConfig") -> None:
    accuracies = [row["test_accuracy"] for row in rows[1:]]
    mean = statistics.fmean(accuracies)
    deviation = statistics.stdev(accuracies) if len(accuracies) > 1 else None
    gain = rows[0]["test_accuracy"] - mean
    files.write_json(
        path,
        {
            "schema_version": 1,
            "networks": rows,
            "random_mean": mean,
            "random_standard_deviation": deviation,
            "gain": gain,
            "train": dataclasses.asdict(config),
            "provenance": files.provenance(),
        },
    )
    console.title("Searched network and random networks of equal latency")
    cells = [
        (
            row["network"],
            round(100 * row["test_accuracy"], 2),
            " ".join(f"{100 * accuracy:.2f}" for accuracy in row["test_accuracies"]),
            row["predicted_latency_ms"],
            round(row["macs"] / 1e6, 2),
            row["choices"],
        )
        for row in rows
    ]
    names = ["network", "accuracy %", "by seed", "predicted ms", "million MACs", "choices"]
    console.say(console.table(names, cells))
    spread = "" if deviation is None else f" (standard deviation {100 * deviation:.2f})"
    console.say(f"\nrandom networks: {100 * mean:.2f} % on average{spread}; the search gains")
    console.say(f"{100 * gain:+.2f} points. Results are in {path}")


if __name__ == "__main__":
    console.run(main)
