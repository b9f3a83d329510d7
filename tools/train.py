"""Trains a network.

    python -m tools.train --child=runs/mine/child.json --dataset=cifar10 --workdir=runs/mine
    python -m tools.train --child=proxyless_mobile --dataset=cifar10 --workdir=runs/mobile

Writes `child.keras`, `train/` with the test accuracy in `result.json`, and `child.json` if there is
none. A network read from a file keeps its resolution, which a search may have chosen: images are
resized to it. A published network takes the resolution of the images. `--resolution` sets another
one for either. The defaults suit images of 32x32 pixels and two CPU cores. Run the same command
again to resume.

With `--init=search` the network of a search begins with the weights that the search left for it
(`search/child.keras` beside `child.json`), and not with random ones.
"""

import dataclasses
import os
import pathlib

from absl import flags

from tools.flags import data_flags, watch_flags
from tools.terminal import console
from tools.workflow import several_hosts, workdir

_CHILD = flags.DEFINE_string(
    "child", None, "A child.json, or the name of a published network.", required=True
)
_EPOCHS = flags.DEFINE_integer("epochs", 10, "Passes over the images.", lower_bound=1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Images per step.", lower_bound=1)
_RATE = flags.DEFINE_float(
    "learning_rate",
    0.2,
    "Peak learning rate, reached after half an epoch of warm-up.",
    lower_bound=1e-9,
)
_PRECISION = flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "mixed_bfloat16", "mixed_float16"],
    "Precision of activations in training; weights and child.keras are float32.",
)
_JIT_COMPILE = flags.DEFINE_bool(
    "jit_compile", False, "Compile with XLA; for GPUs, since it is much slower on CPUs."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed for weights and data order.", lower_bound=0)
_MAX_TRAIN = flags.DEFINE_integer(
    "max_train_examples", 0, "Number of training images to use; 0 is all.", lower_bound=0
)
_VALIDATION_SIZE = flags.DEFINE_integer(
    "validation_size",
    5000,
    "Training images that the search held out to train alpha; this training uses them too.",
    lower_bound=0,
)
_INIT = flags.DEFINE_enum(
    "init",
    "random",
    ["random", "search"],
    "Weights to begin with; search: those that the search left for --child=DIR/child.json.",
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for all files.", required=True)

_WARMUP_EPOCHS = 0.5


def main() -> None:
    """Checks the flags, trains and prints the accuracy."""
    several_hosts.check()
    # TensorFlow takes seconds to import; `--help` and a bad flag should answer at once.
    from nas.architecture import spaces, spec_json

    child = spaces.load_child(_CHILD.value)
    import tensorflow as tf

    from export import exporting
    from nas import class_scores, files
    from nas.data import batching
    from nas.layers import precision
    from nas.searching.algorithms.task import CHILD_FILE
    from nas.training import child_training
    from tools.workflow import stages

    replicas = several_hosts.start(_BATCH_SIZE.value)
    precision.check(_PRECISION.value)
    if _JIT_COMPILE.value and not tf.config.list_physical_devices("GPU"):
        console.say("jit_compile: there is no GPU here, and on CPUs XLA is about ten times slower")
    dataset = stages.load_dataset(
        data_flags.DATASET.value,
        data_flags.DATA_DIR.value,
        seed=_SEED.value,
        validation_size=_VALIDATION_SIZE.value,
        max_train_examples=_MAX_TRAIN.value,
        images=data_flags.options(own_resolution=stages.own_resolution(_CHILD.value)),
    )
    batching.steps_per_epoch(dataset.train_and_validation, _BATCH_SIZE.value)
    child = stages.for_dataset(child, dataset)
    own = pathlib.Path(_WORKDIR.value) / "child.json"
    if own.exists() and spaces.load_child(str(own)) != child:
        raise ValueError(
            f"{own}: expected the network of --child={_CHILD.value} for "
            f"{data_flags.DATASET.value}, received a different network: choose another --workdir"
        )
    left = pathlib.Path(_CHILD.value).parent / "search" / CHILD_FILE
    initial = stages.searched_weights(child, left) if _INIT.value == "search" else None
    config = child_training.TrainConfig(
        epochs=_EPOCHS.value,
        batch_size=_BATCH_SIZE.value,
        seed=_SEED.value,
        learning_rate=_RATE.value,
        warmup_epochs=_WARMUP_EPOCHS,
        precision=_PRECISION.value,
        jit_compile=_JIT_COMPILE.value,
    )
    choices = (_CHILD, data_flags.DATASET, _MAX_TRAIN, _VALIDATION_SIZE)
    settings = {flag.name: flag.value for flag in choices} | dataclasses.asdict(config)
    if initial is not None:
        settings["init"] = _INIT.value
    settings |= data_flags.given() | replicas.settings(config.batch_size)
    directory = workdir.WorkDir(_WORKDIR.value, settings, command="train", apart_from=["pipeline"])
    with several_hosts.owned(directory, replicas):
        inputs = ["child.json", *([os.path.abspath(left)] if initial is not None else [])]
        if replicas.is_chief:
            inputs += stages.record_splits(dataset, directory.path)
        if replicas.is_chief and not own.exists():
            files.write_json(own, {**spec_json.to_dict(child), "provenance": files.provenance()})
        ran = several_hosts.stage(
            directory,
            replicas,
            "train",
            lambda: stages.run_train(
                child,
                dataset,
                config,
                directory.path,
                replicas,
                watch_flags.TENSORBOARD.value,
                initial,
            ),
            lambda: child_training.train(
                child, dataset, config, "", distribution=replicas, initial=initial
            ),
            ["child.keras", "train/metrics.jsonl"],
            inputs,
        )
        if replicas.is_chief:
            trained = exporting.load_model(directory.path / "child.keras")
            found = stages.test_scores(trained, dataset)
            by_class = found.to_dict(dataset.class_names)
            files.write_json(
                directory.path / "train/result.json",
                {
                    "schema_version": 1,
                    "test_accuracy": found.accuracy,
                    **by_class,
                    "provenance": files.provenance(),
                },
            )
    if not replicas.is_chief:
        return
    size = stages.size_of(child)
    console.say(
        ("" if ran else "finished before; ")
        + f"test accuracy {100 * found.accuracy:.2f} % on {len(dataset.test):,} images"
    )
    console.say(class_scores.sentence(by_class))
    console.say(f"{size['params']:,} parameters, {size['macs'] / 1e6:.2f} million MACs")
    console.say(f"next: tools.export_tflite --model={directory.path / 'child.keras'}")


if __name__ == "__main__":
    console.run(main)
