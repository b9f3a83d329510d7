r"""Trains networks of a space near a target, to know what a search there could have found.

    python -m tools.experiments.make_truth --space=cifar_mobile --networks=60 --train_repeats=2 \
        --latency_model=runs/mobile/latency_model.json --target_latency_ms=0.0248,0.0486 \
        --workdir=runs/truth

Draws `--networks` different networks for each target, uniformly from those within 3 % of it, and
adds the network of one multiplied width that is nearest to it. Each is trained `--train_repeats`
times from scratch, all in the same way, every network once before any is trained again. Writes
`truth.jsonl`, one line for each training. Run the command again to resume, also with more networks,
repeats or targets.
"""

import itertools
import pathlib
from typing import Any

from absl import flags

from tools.experiments import compared_child, subcommand
from tools.flags import comparison_flags, data_flags
from tools.terminal import console
from tools.workflow import workdir

_SPACE = flags.DEFINE_string("space", "cifar_mobile", "Search space: a name, or a .json file.")
_TARGETS = flags.DEFINE_list(
    "target_latency_ms", None, "Target latencies in milliseconds.", required=True
)
_NETWORKS = flags.DEFINE_integer("networks", 60, "Networks for each target.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of draws and trainings.", lower_bound=0)
_TRAIN_EPOCHS = flags.DEFINE_integer(
    "train_epochs", 7, "Epochs of each network's training.", lower_bound=1
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for all files.", required=True)
# One training alone would not show how much they vary.
flags.set_default(comparison_flags.REPEATS, 2)


def main() -> None:
    """Trains what is missing."""
    targets = [_target(text) for text in _TARGETS.value]
    # TensorFlow takes seconds to import, so these imports come late.
    import latency_models
    from nas.architecture import spaces
    from tools.experiments.truth import trainings
    from tools.workflow import stages

    space = spaces.load_space(_SPACE.value)
    table = latency_models.load(comparison_flags.LATENCY_MODEL.value)
    dataset = stages.load_dataset(
        data_flags.DATASET.value,
        data_flags.DATA_DIR.value,
        seed=0,
        validation_size=comparison_flags.VALIDATION_SIZE.value,
        max_train_examples=comparison_flags.MAX_TRAIN.value,
        images=data_flags.options(),
    )
    space = stages.for_dataset(space, dataset)
    costs = table.costs(space)
    for target in targets:
        costs.check_target(target)
    shared: list[Any] = [
        _SPACE,
        data_flags.DATASET,
        _TRAIN_EPOCHS,
        comparison_flags.MAX_TRAIN,
        comparison_flags.VALIDATION_SIZE,
    ]
    asked = {flag.name: flag.value for flag in (*shared, _SEED)} | data_flags.given()
    with workdir.WorkDir(
        _WORKDIR.value, asked | {"model": table.to_dict()}, command="make_truth", independent=True
    ) as owned:
        path = owned.path / trainings.FILE_NAME
        done = {(row.target_ms, row.group, row.number, row.seed) for row in trainings.read(path)}
        networks: dict[tuple[Any, ...], tuple[int, ...]] = {}
        for target in targets:
            networks[target, "width", 0] = trainings.nearest_width(space, costs, target)
            drawn = itertools.islice(trainings.draw(costs, target, _SEED.value), _NETWORKS.value)
            networks |= {(target, "drawn", i): choices for i, choices in enumerate(drawn)}
        wanted = [
            (key, seed)
            for seed in range(_SEED.value, _SEED.value + comparison_flags.REPEATS.value)
            for key in sorted(networks, key=lambda key: (key[2], key[1], key[0]))
        ]
        todo = [(key, seed) for key, seed in wanted if (*key, seed) not in done]
        console.title(f"Trainings: {len(wanted) - len(todo)} of {len(wanted)} are there")
        _train(todo, networks, space, costs, asked, owned.path)
    console.say(f"results are in {path}")


def _target(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"target_latency_ms: expected milliseconds, received {text!r}; for example 0.025"
        ) from None


def _train(
    todo: list[Any],
    networks: Any,
    space: Any,
    costs: Any,
    asked: dict[str, Any],
    directory: pathlib.Path,
) -> None:
    """Runs the trainings in parallel on all cores; each gets its line when its group is done."""
    from nas import files
    from nas.architecture import spec_json
    from tools.experiments import finished_runs
    from tools.experiments.truth import trainings
    from tools.workflow import stages

    at_once = subcommand.core_count()
    groups = [todo[first : first + at_once] for first in range(0, len(todo), at_once)]
    for group in console.progress(groups, label="training", unit="rounds"):
        wanted = []
        for (target, kind, number), seed in group:
            child = space.child(networks[target, kind, number], f"{kind}_{number}")
            folder = f"trainings/{target:g}_{kind}_{number}_{seed}"
            files.write_json(directory / folder / "child.json", spec_json.to_dict(child))
            wanted.append(compared_child.Training(folder, seed, f"{folder}/child.json"))
        compared_child.train_together(wanted, asked, directory)
        for ((target, kind, number), seed), training in zip(group, wanted, strict=True):
            choices = networks[target, kind, number]
            size = stages.size_of(space.child(choices))
            result = finished_runs.result(directory / training.folder / "train/result.json")
            row = trainings.Training(
                group=kind,
                number=number,
                target_ms=target,
                predicted_ms=costs.of(choices),
                choices=tuple(choices),
                seed=seed,
                test_accuracy=result.test_accuracy,
                settings=asked,
                provenance=result.provenance,
                params=size["params"],
                macs=size["macs"],
            )
            trainings.append(directory / trainings.FILE_NAME, row)


if __name__ == "__main__":
    console.run(main)
