"""Searches a network for a data set and, if a latency model is given, for a device.

    python -m tools.search --space=cifar --dataset=cifar10 --epochs=2 --warmup_epochs=1 \
        --latency_model=runs/quick/latency_model.json --target_latency=0.2 --workdir=runs/mine

Writes `space.json`, `search/` and `child.json`. The defaults suit images of 32x32 pixels and two
CPU cores. Run the same command again to resume, or with more `--epochs` and `--extend` to go on
from its end. `--dry_run` prints the plan (size of the space, time, memory, files) and writes
nothing; it needs a data set that is already prepared.
"""

import dataclasses
import os
import shlex
from typing import Any

from absl import flags

from tools.flags import aim, algorithm_flags, data_flags, extension, watch_flags
from tools.terminal import console
from tools.workflow import search_defaults, several_hosts, workdir

_SPACE = flags.DEFINE_string("space", "cifar", "Search space: a name, or a .json file.")
_ALGORITHM = flags.DEFINE_string("algorithm", "proxyless_gradient", algorithm_flags.HELP)
_EPOCHS = flags.DEFINE_integer(
    "epochs", search_defaults.EPOCHS, "Search epochs after the warm-up.", lower_bound=1
)
_WARMUP = flags.DEFINE_integer(
    "warmup_epochs",
    search_defaults.WARMUP_EPOCHS,
    "Epochs at the start that train the weights alone.",
    lower_bound=0,
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Images per step.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of all random draws.", lower_bound=0)
_MAX_TRAIN = flags.DEFINE_integer(
    "max_train_examples", 0, "Number of training images to use; 0 is all.", lower_bound=0
)
_VALIDATION_SIZE = flags.DEFINE_integer(
    "validation_size",
    5000,
    "Training images held out to train alpha; at most a fifth of them.",
    lower_bound=1,
)
_OPTIMIZER = flags.DEFINE_enum("optimizer", "sgd", ["sgd", "adamw"], "Optimizer of the weights.")
_PRECISION = flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "mixed_bfloat16", "mixed_float16"],
    "Precision of activations; weights and alpha are float32.",
)
_JIT_COMPILE = flags.DEFINE_bool(
    "jit_compile",
    False,
    "Not supported here, since XLA would compile every path; only tools.train can use XLA.",
)
_RATE = flags.DEFINE_float(
    "learning_rate",
    None,
    "Learning rate of the weights; 0.1 for sgd and 0.001 for adamw if not given. The warm-up uses "
    "twice this rate.",
    lower_bound=1e-9,
)
_ARCH_RATE = flags.DEFINE_float(
    "arch_learning_rate", 0.01, "Learning rate of alpha.", lower_bound=1e-9
)
_ARCH_PERIOD = flags.DEFINE_integer(
    "arch_period", 2, "Weight steps per step of alpha.", lower_bound=1
)
_INIT = flags.DEFINE_string(
    "init",
    "random",
    "Weights of the supernet to begin with. random; imagenet: public weights of a network of the "
    "space; or a file of weights of such a network, as in tools.train.",
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for all files.", required=True)


def _of_algorithm(name: str) -> dict[str, Any]:
    """Fields of `SearchConfig` for an algorithm: as given, or this command's defaults."""
    defaults: dict[str, Any] = {"evolution_population": 20, "evolution_generations": 10}
    if algorithm_flags.is_used("clip_norm", name):
        defaults["clip_norm"] = search_defaults.CLIP_NORM
    return defaults | algorithm_flags.given()


def main() -> None:
    """Checks the flags, searches and prints the result."""
    aim.check_flags()
    algorithm_flags.check([_ALGORITHM.value])
    several_hosts.check()
    # TensorFlow takes seconds to import; `--help` and a bad flag should answer at once.
    from nas.architecture import spaces
    from nas.data import batching
    from nas.layers import precision
    from nas.pretrained import initial
    from nas.searching import algorithms, search, search_config
    from nas.supernet import supernet
    from tools.experiments import finished_runs
    from tools.workflow import search_plan, stages, target_range

    if _JIT_COMPILE.value:
        raise ValueError(supernet.XLA_REFUSAL)
    space = spaces.load_space(_SPACE.value)
    aimed = aim.read()
    extended = extension.of(_WORKDIR.value, "search", _EPOCHS.value)
    learning_rate = _RATE.value or search_defaults.LEARNING_RATES[_OPTIMIZER.value]
    config = search_config.SearchConfig(
        epochs=_EPOCHS.value,
        earlier_epochs=extended.earlier_epochs,
        warmup_epochs=_WARMUP.value,
        batch_size=_BATCH_SIZE.value,
        seed=_SEED.value,
        algorithm=_ALGORITHM.value,
        optimizer=_OPTIMIZER.value,
        precision=_PRECISION.value,
        init=_INIT.value,
        **aimed.settings,
        warmup_learning_rate=2.0 * learning_rate,
        learning_rate=learning_rate,
        arch_learning_rate=_ARCH_RATE.value,
        arch_period=_ARCH_PERIOD.value,
        **_of_algorithm(_ALGORITHM.value),
    )
    # Hosts must find each other before TensorFlow creates its first variable.
    replicas = several_hosts.start(_BATCH_SIZE.value)
    algorithms.algorithm(config.algorithm, config)
    precision.check(_PRECISION.value)
    dataset = stages.load_dataset(
        data_flags.DATASET.value,
        data_flags.DATA_DIR.value,
        seed=_SEED.value,
        validation_size=_VALIDATION_SIZE.value,
        max_train_examples=_MAX_TRAIN.value,
        images=data_flags.options(),
        prepare=not watch_flags.DRY_RUN.value,
    )
    for split in (dataset.train, dataset.validation):
        batching.steps_per_epoch(split, _BATCH_SIZE.value)
    space = stages.for_dataset(space, dataset)
    latencies = aimed.costs(space)
    config = dataclasses.replace(config, target=aimed.resolve(latencies))
    if "derive" not in algorithm_flags.given():
        steps = (_WARMUP.value + _EPOCHS.value) * batching.steps_per_epoch(
            dataset.train, _BATCH_SIZE.value
        )
        derive = algorithms.suitable_derivation(config.algorithm, space, steps)
        config = dataclasses.replace(config, derive=derive)
    for caution in aimed.cautions(space):
        console.say(caution)
    if config.target and not watch_flags.DRY_RUN.value:
        console.say(target_range.range_text(latencies, config.target))
        for name, text in target_range.notes(space, latencies, config.target).items():
            console.say(f"{name}: {text}")
    # The work dir stores the targets as given, because a relative target changes in milliseconds
    # when the latency model is fitted again.
    choices = {
        flag.name: flag.value for flag in (_SPACE, data_flags.DATASET, _MAX_TRAIN, _VALIDATION_SIZE)
    }
    settings = config.identity | choices | aim.flags_given()
    settings |= data_flags.given() | replicas.settings(config.batch_size)
    read = [*aim.input_files(), *([_SPACE.value] if _SPACE.value.endswith(".json") else [])]
    inputs = [*map(os.path.abspath, read), *initial.input_files(_INIT.value)]
    directory = workdir.WorkDir(
        _WORKDIR.value,
        settings,
        command="search",
        apart_from=["pipeline"],
        replaceable=extended.replaceable("", "search"),
        hints={"epochs": extension.HINT, "clip_norm": algorithm_flags.EARLIER_CLIP},
    )
    if watch_flags.DRY_RUN.value:
        task, algorithm = search.prepare(space, dataset, latencies, config, replicas)
        task = dataclasses.replace(task, directory=directory.path / "search")
        search_plan.show(task, algorithm, directory, measured=latencies is not None)
        return
    with several_hosts.owned(directory, replicas):
        if replicas.is_chief:
            inputs += stages.record_splits(dataset, directory.path)
        ran = several_hosts.stage(
            directory,
            replicas,
            "search",
            lambda: stages.run_search(
                space,
                dataset,
                latencies,
                config,
                directory.path,
                replicas,
                watch_flags.TENSORBOARD.value,
            ),
            lambda: search.assist(space, dataset, latencies, config, replicas),
            ["space.json", "child.json", "search/alphas.npz", "search/metrics.jsonl"],
            inputs,
        )
    if not replicas.is_chief:
        return
    path = directory.path / "child.json"
    found, child = finished_runs.search_notes(path), spaces.load_child(str(path))
    # The notes of a child that was mended by hand need not say how it was found.
    chosen = space.choices(child)
    console.say(("" if ran else "finished before; ") + f"{space.cardinality:,} networks searched")
    console.say(f"found: {stages.describe(child, space)}")
    per = "slot" if len(space.option_counts) == len(space.slots) else "decision"
    spread = "" if found.entropy is None else f", entropy {found.entropy:.3g} nats per {per}"
    console.say(f"choices {list(chosen)}{spread}")
    if latencies:
        unit = latencies.unit
        goal = f"target {config.target:.4g} {unit}, " if config.target else ""
        predicted = f"{goal}predicted {latencies.of(chosen):.4g} {unit}"
        if found.most_probable:
            of_alpha = latencies.of(found.most_probable)
            predicted += f"; the most probable options alone would take {of_alpha:.4g} {unit}"
        console.say(f"{latencies.quantity.removesuffix('_ms')}: {predicted}")
        best = target_range.baseline(space, latencies, config.target)
        if best:
            console.say(f"baseline: {best.text(unit)}")
    console.say(f"next: tools.train --child={shlex.quote(str(path))}")


if __name__ == "__main__":
    console.run(main)
