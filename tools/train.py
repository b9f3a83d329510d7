"""Trains a network.

    python -m tools.train --child=runs/mine/child.json --dataset=cifar10 --workdir=runs/mine
    python -m tools.train --child=proxyless_mobile --dataset=cifar10 --workdir=runs/mobile

Writes `child.keras`, `train/` with the test accuracy in `result.json`, and `child.json` if there is
none. A network read from a file keeps its resolution, which a search may have chosen: images are
resized to it. A published network takes the resolution of the images. `--resolution` sets another
one for either. The defaults suit images of 32x32 pixels and two CPU cores. Run the same command
again to resume, or with more `--epochs` and `--extend` to go on from its end.

With `--init=search` the network of a search begins with the weights that the search left for it
(`search/child.keras` beside `child.json`), and not with random ones. With `--init=imagenet` or
`--init=FILE` it begins with the weights of a network that was trained on other images. The defaults
then suit hundreds to thousands of images: the classifier is fitted in closed form, then everything
is trained at a small rate with the moments that the network brings along.

    python -m tools.train --child=efficientnet_lite0 --init=imagenet --dataset=folder:DIR \
        --resolution=160 --workdir=runs/photos
"""

import dataclasses
import os
import pathlib
import shlex

from absl import flags

from tools.flags import data_flags, extension, watch_flags
from tools.terminal import console
from tools.workflow import several_hosts, workdir

_CHILD = flags.DEFINE_string(
    "child", None, "A child.json, or the name of a published network.", required=True
)
_EPOCHS = flags.DEFINE_integer(
    "epochs",
    None,
    "Passes over the images; if not given, 10, or 8 from the weights of other images.",
    lower_bound=1,
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size",
    None,
    "Images per step; if not given, 128, or 32 from the weights of other images.",
    lower_bound=1,
)
_RATE = flags.DEFINE_float(
    "learning_rate",
    None,
    "Peak learning rate, reached after half an epoch of warm-up; if not given, 0.2, or 0.003 from "
    "the weights of other images.",
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
_INIT = flags.DEFINE_string(
    "init",
    "random",
    "Weights to begin with. random; search: those that the search left for --child=DIR/child.json; "
    "imagenet: public weights of EfficientNet-Lite0, MobileNetV2 or V3, for networks whose layers "
    "lie as theirs do; or a file: .keras or .weights.h5 with its child.json beside it, .h5 of "
    "keras.applications, .pth of EfficientNet-Lite0.",
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for all files.", required=True)


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
    from nas.pretrained import init_names
    from nas.pretrained import initial as beginnings
    from nas.searching.algorithms.task import CHILD_FILE
    from nas.training import beginning, child_training
    from tools.workflow import stages

    is_pretrained = init_names.is_pretrained(_INIT.value)
    found_in = pathlib.Path(_CHILD.value).parent / "search"
    defaults = beginning.suitable_settings(_INIT.value, found_in)
    given = {"epochs": _EPOCHS, "batch_size": _BATCH_SIZE, "learning_rate": _RATE}
    config = dataclasses.replace(
        defaults,
        **{name: flag.value for name, flag in given.items() if flag.value is not None},
        seed=_SEED.value,
        precision=_PRECISION.value,
        jit_compile=_JIT_COMPILE.value,
    )
    extended = extension.of(_WORKDIR.value, "train", config.epochs)
    config = dataclasses.replace(config, earlier_epochs=extended.earlier_epochs)
    replicas = several_hosts.start(config.batch_size)
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
    batching.steps_per_epoch(dataset.train_and_validation, config.batch_size)
    child = stages.for_dataset(child, dataset)
    own = pathlib.Path(_WORKDIR.value) / "child.json"
    if own.exists() and spaces.load_child(str(own)) != child:
        raise ValueError(
            f"{own}: expected the network of --child={_CHILD.value} for "
            f"{data_flags.DATASET.value}, received a different network: choose another --workdir"
        )
    initial = None
    if _INIT.value == init_names.SEARCH:
        left = found_in / CHILD_FILE
        initial = beginnings.of_search(child, left)
    elif is_pretrained:
        initial = beginnings.of_seed(child, _INIT.value, config.seed)
        config = dataclasses.replace(config, measure_moments=initial.is_cut)
    choices = (_CHILD, data_flags.DATASET, _MAX_TRAIN, _VALIDATION_SIZE)
    settings = {flag.name: flag.value for flag in choices} | config.settings
    if initial is not None:
        settings["init"] = _INIT.value
    settings |= data_flags.given() | replicas.settings(config.batch_size)
    directory = workdir.WorkDir(
        _WORKDIR.value,
        settings,
        command="train",
        apart_from=["pipeline"],
        replaceable=extended.replaceable("", "train"),
        hints={"epochs": extension.HINT},
    )
    with several_hosts.owned(directory, replicas):
        inputs = ["child.json", *beginnings.input_files(_INIT.value)]
        if initial is not None and _INIT.value == init_names.SEARCH:
            inputs.append(os.path.abspath(left))
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
                child,
                dataset,
                config,
                "",
                distribution=replicas,
                initial=initial.arrays if initial is not None else None,
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
    console.say(
        f"next: tools.export_tflite --model={shlex.quote(str(directory.path / 'child.keras'))}"
    )


if __name__ == "__main__":
    console.run(main)
