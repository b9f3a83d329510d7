"""Searches and trains on several devices or hosts, and writes the results to files for a test.

    python -m replicated_runs one|devices|half|multiworker DATA_DIR DIRECTORY

`devices` runs on one device, and on two with (`together`) and without (`apart`) synchronized batch
normalization. `half` runs on two devices in float16, once without a stop, and once stopped within
an epoch and resumed. It needs its own process, because a device cannot be divided after TensorFlow
has started to use it.
"""

import dataclasses
import os
import pathlib
import signal
import sys

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.data.ops import multi_device_iterator_ops

from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import Child, SearchSpace
from nas.choices import space_costs
from nas.choices.candidate_costs import Latencies
from nas.data import loading
from nas.distribution import hosts, tf_config
from nas.layers import loss_scale
from nas.searching import search
from nas.searching.search_config import SearchConfig
from nas.training import child_training
from nas.training.train_config import TrainConfig

SPACE = SearchSpace(
    name="small",
    resolution=28,
    num_classes=10,
    stem=Stem(4, 3, 2),
    layers=(Slot(4, 4, (MBConv(3, 1), MBConv(5, 2), Skip())),),
    head=Head(8),
    input_channels=1,
)
LATENCIES = Latencies([np.array([2.0, 6.0, 0.0])], 1.0)
# Widths and the resolution are decisions too.
WIDTHS = dataclasses.replace(
    SPACE,
    name="wide",
    resolution=(20, 28),
    stem=Stem("w", 3, 2),
    layers=(Slot("w", "w", (MBConv(3, 1), MBConv(5, 2, se_ratio=0.5), Skip())),),
    head=Head("head"),
    widths={"w": (4, 8), "head": (8, 12)},
)
SPACES = {"search": (SPACE, LATENCIES), "widths": (WIDTHS, space_costs.macs_of(WIDTHS))}
SEARCH = SearchConfig(
    epochs=2,
    warmup_epochs=1,
    batch_size=16,
    target=4.0,
    arch_learning_rate=0.05,
    clip_norm=0.5,
    arch_period=2,
)
CHILD = Child("small", 28, 10, Stem(4, 3, 2), (Block(MBConv(3, 1), 4, 8, 2),), Head(16), 1)
TRAIN = TrainConfig(epochs=2, batch_size=20, learning_rate=0.1, warmup_epochs=0.5)

DEVICE_DATASET = multi_device_iterator_ops._create_device_dataset
BUILD_SUPERNET, COMPILED = search.build_supernet, child_training._compiled


def kept(function, into):
    """Returns `function`, but it also appends its results to the list `into`."""

    def call(*arguments, **kwargs):
        result = function(*arguments, **kwargs)
        into.append(result)
        return result

    return call


def save_copies(path, variables):
    """Writes every variable as `[copies, ...]`, one copy per replica of this host."""
    values = [getattr(variable, "values", [variable]) for variable in variables]
    arrays = {str(i): np.stack([v.numpy() for v in value]) for i, value in enumerate(values)}
    path.mkdir(parents=True, exist_ok=True)
    np.savez(path / "variables.npz", **arrays)


class CtrlCAt(keras.callbacks.Callback):
    """Sends the signal of Ctrl-C after a number of batches; never if the number is 0."""

    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            signal.raise_signal(signal.SIGINT)


def search_on(found, dataset, path, config=SEARCH, stops_after=0, kind="search"):
    """Searches, and writes all variables that the search has changed to `variables.npz`."""
    nets = []
    space, latencies = SPACES[kind]
    if kind == "widths":
        config = dataclasses.replace(config, target=latencies.at(0.5))
    search.build_supernet = kept(BUILD_SUPERNET, nets)
    if found.is_chief:
        callbacks = [CtrlCAt(stops_after)]
        search.search(space, dataset, latencies, config, path, callbacks, distribution=found)
    else:
        search.assist(space, dataset, latencies, config, found)
    (net,) = nets
    keras_variables = [*net.variables, *net.optimizer.variables, *net.arch_optimizer.variables]
    others = [*net.objective.variables.values(), *net.loss_scale.variables.values()]
    save_copies(path, [v.value for v in keras_variables] + others)


def train_on(found, dataset, path, config=TRAIN):
    """Trains, and writes all variables that the training has changed to `variables.npz`."""
    models = []
    child_training._compiled = kept(COMPILED, models)
    child_training.train(CHILD, dataset, config, path, distribution=found)
    ((model, _),) = models
    save_copies(path, [v.value for v in [*model.variables, *model.optimizer.variables]])


def half(dataset, directory):
    """Runs in float16 on two devices; the loss scale overflows at first, and grows later."""
    loss_scale.INITIAL_SCALE, loss_scale.GROWTH_STEPS = 2.0**40, 3
    together = hosts.start("mirrored")
    settings = {"precision": "mixed_float16", "optimizer": "adamw", "learning_rate": 0.01}
    config = dataclasses.replace(SEARCH, epochs=12, **settings)
    search_on(together, dataset, directory / "whole", config)
    try:
        search_on(together, dataset, directory / "part", config, stops_after=41)
    except KeyboardInterrupt:
        print("stopped")
    search_on(together, dataset, directory / "part", config)
    train = dataclasses.replace(TRAIN, precision="mixed_float16")
    train_on(together, dataset, directory / "train", train)


def small_dataset(data_dir):
    """A data set with four batches per epoch."""
    return loading.load("fashion_mnist", data_dir, validation_size=40, max_train_examples=70)


def divide_the_cpu():
    """Divides the CPU into two logical devices."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)


def without_autotuning(*arguments):
    """Returns the data set of one device, which ends at once when nobody reads it any more.

    With tf.data's autotuning the end waits for its next round, after up to a minute.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return DEVICE_DATASET(*arguments).with_options(options)


def main(kind, data_dir, directory):
    """Searches and trains on the devices or hosts of `kind`."""
    multi_device_iterator_ops._create_device_dataset = without_autotuning
    runs = {"one": hosts.Distribution()}
    if kind == "half":
        divide_the_cpu()
        half(small_dataset(data_dir), pathlib.Path(directory))
        return
    if kind == "devices":
        divide_the_cpu()
        together = hosts.start("mirrored")
        apart = hosts.Distribution(together._strategy, sync_batch_norm=False)
        runs |= {"together": together, "apart": apart}
    elif kind == "multiworker":
        runs = {f"host{tf_config.read(os.environ).number}": hosts.start("multiworker")}
    dataset = small_dataset(data_dir)
    for name, found in runs.items():
        for searched in SPACES if kind == "devices" else ["search"]:
            search_on(found, dataset, pathlib.Path(directory, name, searched), kind=searched)
        train_on(found, dataset, pathlib.Path(directory, name, "train"))
    for found in runs.values():
        # All hosts end together. To the others, a host that ended earlier would look lost.
        found.from_chief(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
