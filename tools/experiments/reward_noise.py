"""Measures how much of REINFORCE's gradient is noise, by what rewards are made of.

    python -m tools.experiments.reward_noise --space=cifar --dataset=cifar10 --epochs=2 \
        --steps=300 --workdir=runs/noise

Trains a supernet on uniform paths, then takes many gradients of alpha from it, without a step. In
each of them ten uniform networks are judged on one batch of validation images, or its first part.
The same networks and images give the gradient with either quality and either baseline; latency has
no part in it. The table has noise / signal (tools/experiments/gradient_noise.py), the number of
steps whose mean has as much noise as signal, and the cost of a step in weight steps. Writes
`noise.json`. Run the command again to go on with a training that was stopped, or with its supernet.
"""

import dataclasses
import itertools
import math
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from absl import flags

from tools.experiments import gradient_noise
from tools.flags import data_flags
from tools.terminal import console
from tools.workflow import search_defaults, workdir

if TYPE_CHECKING:
    from nas.data.splits.dataset import Dataset
    from nas.searching.search_config import SearchConfig
    from nas.supernet.supernet import Supernet

_SPACE = flags.DEFINE_string("space", "cifar", "Search space: a name, or a .json file.")
_EPOCHS = flags.DEFINE_integer("epochs", 2, "Epochs on uniform paths.", lower_bound=1)
_STEPS = flags.DEFINE_integer("steps", 300, "Gradients of each kind.", lower_bound=20)
_IMAGES = flags.DEFINE_list("images", ["64", "32", "16"], "Images on which networks are judged.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Images per weight step.", lower_bound=1)
_MAX_TRAIN = flags.DEFINE_integer(
    "max_train_examples", 0, "Largest number of training images to use; 0 is all.", lower_bound=0
)
_VALIDATION_SIZE = flags.DEFINE_integer(
    "validation_size", 5000, "Training images held out, as for a search.", lower_bound=1
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of weights, paths and batches.", lower_bound=0)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for all files.", required=True)


def main() -> None:
    """Trains the supernet, measures, and prints the table."""
    counts = [_count(text) for text in _IMAGES.value]
    # TensorFlow takes seconds to import, so these imports come late.
    from nas import files
    from nas.architecture import spaces
    from nas.searching.search_config import SearchConfig
    from tools.workflow import stages

    space = spaces.load_space(_SPACE.value)
    dataset = stages.load_dataset(
        data_flags.DATASET.value,
        data_flags.DATA_DIR.value,
        seed=_SEED.value,
        validation_size=_VALIDATION_SIZE.value,
        max_train_examples=_MAX_TRAIN.value,
        images=data_flags.options(),
    )
    space = stages.for_dataset(space, dataset)
    rate = search_defaults.LEARNING_RATES["sgd"]
    config = SearchConfig(
        algorithm="one_shot_single_path",
        epochs=_EPOCHS.value,
        warmup_epochs=0,
        batch_size=_BATCH_SIZE.value,
        seed=_SEED.value,
        learning_rate=2.0 * rate,
        clip_norm=search_defaults.CLIP_NORM,
    )
    shared = (_SPACE, data_flags.DATASET, _MAX_TRAIN, _VALIDATION_SIZE)
    asked = {flag.name: flag.value for flag in shared} | data_flags.given() | config.identity
    with workdir.WorkDir(_WORKDIR.value, asked, command="reward_noise", independent=True) as owned:
        net, weight_seconds = _trained(space, dataset, config, owned.path / "search")
        rows = []
        for count in counts:
            rows += _measured(net, dataset, config, count, weight_seconds)
        path = owned.path / "noise.json"
        content = {"schema_version": 1, "settings": asked, "steps": _STEPS.value, "rows": rows}
        files.write_json(path, content | {"provenance": files.provenance()})
    console.title("Gradients of REINFORCE: steps whose mean has as much noise as signal")
    cells = [
        (row["images"], row["quality"], row["baseline"], _interval(row), f"{row['cost']:.2f}")
        for row in rows
    ]
    names = ["images", "quality", "baseline", "noise / signal", "weight steps"]
    console.say(console.table(names, cells))
    console.say(f"\nresults are in {path}")


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _BATCH_SIZE.value:
        raise ValueError(
            f"images: expected numbers from 1 to batch_size={_BATCH_SIZE.value}, received {text!r}"
        )
    return int(text)


def _interval(row: dict[str, Any]) -> str:
    value, low, high = (
        "-" if row[name] is None else f"{row[name]:.3g}" for name in ("value", "low", "high")
    )
    return f"{value} ({low} to {high})"


def _trained(
    space: Any, dataset: "Dataset", config: "SearchConfig", directory: Any
) -> "tuple[Supernet, float]":
    """Returns the supernet and the median seconds of a weight step of it."""
    import tensorflow as tf

    from nas.data import batching
    from nas.distribution.hosts import Distribution
    from nas.searching import search
    from nas.searching.algorithms import SupernetAlgorithm
    from tools.terminal import search_progress

    task, prepared = search.prepare(space, dataset, None, config, Distribution())
    algorithm = cast(SupernetAlgorithm, prepared)
    shown = search_progress.SearchProgress(target=0.0)
    task = dataclasses.replace(task, directory=directory, callbacks=[shown])
    net = search.train_supernet(task, algorithm)
    images, labels = next(iter(batching.training_batches(dataset.train, config.batch_size, 1)))
    kept = [(v, v.numpy()) for v in search.run_variables(net).values()]
    step = tf.function(
        lambda seed: net.weight_step(images, labels, algorithm.weight_route(net, seed)),
        autograph=False,
    )
    seconds = _median_seconds(lambda i: step(tf.constant([i, i], tf.int64)))
    for variable, value in kept:
        variable.assign(value)
    return net, seconds


def _median_seconds(step: Any) -> float:
    step(0)
    found = []
    for i in range(20):
        start = time.perf_counter()
        step(i)
        found.append(time.perf_counter() - start)
    return float(np.median(found))


def _measured(
    net: "Supernet", dataset: "Dataset", config: "SearchConfig", count: int, weight_seconds: float
) -> list[dict[str, Any]]:
    """Returns one row for each quality and baseline, with networks judged on `count` images."""
    import tensorflow as tf

    from nas.data import batching
    from nas.searching.algorithms.proxyless_reinforce import Reinforce
    from nas.searching.search_config import BASELINES, QUALITIES

    settings = dataclasses.replace(config, reinforce_images=count)
    kinds = {
        (quality, baseline): Reinforce(
            dataclasses.replace(settings, reward_quality=quality, reward_baseline=baseline)
        )
        for quality, baseline in itertools.product(QUALITIES, BASELINES)
    }
    judge = tf.function(Reinforce(settings).judge, autograph=False)
    batches = iter(batching.training_batches(dataset.validation, config.batch_size, config.seed))
    found: dict[tuple[str, str], list[np.ndarray]] = {kind: [] for kind in kinds}
    seconds = []
    label = f"gradients on {count} images"
    for step in console.progress(range(_STEPS.value), label=label, unit="steps"):
        images, labels = next(batches)
        start = time.perf_counter()
        networks = judge(net, images, labels, tf.constant([step, config.seed], tf.int64))
        seconds.append(time.perf_counter() - start)
        for kind, algorithm in kinds.items():
            quality = algorithm.quality(networks.cross_entropy, networks.accuracy)
            gradient = algorithm.gradient_of(net, networks._replace(reward=quality))
            algorithm.observe(gradient)
            found[kind].append(gradient.gradient.numpy().ravel())
    rows = []
    for (quality, baseline), gradients in found.items():
        value, low, high = (
            one if math.isfinite(one) else None
            for one in gradient_noise.steps_needed(np.array(gradients))
        )
        row = {"images": count, "quality": quality, "baseline": baseline, "value": value}
        row |= {"low": low, "high": high, "cost": float(np.median(seconds)) / weight_seconds}
        rows.append(row)
    return rows


if __name__ == "__main__":
    console.run(main)
