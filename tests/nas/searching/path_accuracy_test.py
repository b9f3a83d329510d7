import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.data.splits.dataset import Dataset
from nas.data.splits.memory_split import MemorySplit
from nas.searching import path_accuracy
from nas.searching.algorithms import proxyless_gradient
from nas.supernet import routes, supernet
from nas.training import child_training

SPACE = SearchSpace(
    name="mixed",
    resolution=8,
    num_classes=3,
    stem=Stem(4, 3, 1),
    layers=(
        Slot(4, 4, (MBConv(3, 2), Skip(), MBConv(5, 1))),
        Slot(4, 6, (MBConv(5, 2), Skip()), 2),
    ),
    head=Head(8),
)
PATHS = [(0, 0), (1, 1), (2, 0)]


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)

    def split(name, count):
        labels = rng.integers(0, 3, count)
        images = rng.integers(0, 90, (count, 8, 8, 3)) + 60 * labels[:, None, None, None]
        return MemorySplit(images.astype(np.uint8), labels, name, np.arange(count))

    parts = [split(name, count) for name, count in (("train", 450), ("train", 620), ("test", 3))]
    return Dataset("bright", ("dark", "gray", "bright"), *parts)


@pytest.fixture(scope="module")
def net(dataset):
    """A supernet after some steps, so that paths differ; its moving moments are useless."""
    net = supernet.Supernet(SPACE, seed=1)
    net.compile(keras.optimizers.SGD(0.1, momentum=0.9), proxyless_gradient.TwoPathGradient())
    images = tf.constant(dataset.train.images[:64] / 127.5 - 1.0, tf.float32)
    labels = tf.constant(dataset.train.labels[:64])
    step = tf.function(
        lambda path: net.weight_step(images, labels, routes.Path(path)), autograph=False
    )
    for i in range(12):
        step(tf.constant(PATHS[i % 3]))
    for op in [net.stem, *net.mixed_ops, net.head]:
        for group in op.weighted_groups:
            group.moments.assign(np.full(group.moments.shape, 7.0))
    return net


def test_it_agrees_with_the_recalibrated_keras_child(net, dataset):
    accuracy_of = path_accuracy.PathAccuracy(net, dataset)
    found = [accuracy_of(path) for path in PATHS]
    assert min(found) > 0.4 and len(set(found)) > 1
    children = [path_accuracy.inherited(net, path, dataset) for path in PATHS]
    expected = [child_training.evaluate(child, dataset.validation) for child in children]
    # There are 620 images, and the predicted class of one may differ.
    np.testing.assert_allclose(found, expected, atol=2 / 620)


def test_the_supernet_is_read_only_and_one_graph_serves_every_path(net, dataset):
    before = [np.array(v) for v in net.variables]
    accuracy_of = path_accuracy.PathAccuracy(net, dataset)
    first = [accuracy_of(path) for path in PATHS]
    again = [accuracy_of(path) for path in reversed(PATHS)]
    assert first == again[::-1]
    for traced in (accuracy_of._moments, accuracy_of._correct):
        assert traced.experimental_get_tracing_count() == 1
    for variable, value in zip(net.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)
