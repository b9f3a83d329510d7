"""Compares architecture gradients of a whole supernet with those of another implementation.

The other implementation is a network of stock Keras layers with slots sum_j g_j o_j(x).
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas import objectives
from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.choices import sampling
from nas.choices.candidate_costs import Latencies
from nas.layers import keras_network
from nas.objectives.penalties import AddLinear
from nas.searching.algorithms import proxyless_gradient
from nas.searching.algorithms.darts import Darts
from nas.searching.algorithms.proxyless_gradient import FullGradient, TwoPathGradient
from nas.supernet import supernet

SPACE = SearchSpace(
    name="two_slots",
    resolution=8,
    num_classes=3,
    stem=Stem(4, 3, 1),
    layers=(
        Slot(4, 4, (MBConv(3, 2), Skip(), MBConv(5, 1))),
        Slot(4, 6, (MBConv(5, 2), Skip()), 2),
    ),
    head=Head(8),
)
LATENCIES = Latencies([np.array([3.0, 0.0, 5.0]), np.array([4.0, 1.0])], 2.0)
TARGET_MS = 6.0


@pytest.fixture(scope="module")
def net():
    net = supernet.Supernet(SPACE, seed=3)
    net.compile(
        keras.optimizers.SGD(0.1), proxyless_gradient.TwoPathGradient(), latencies=LATENCIES
    )
    net.alpha.assign([[0.3, -0.2, 0.1], [0.5, -0.4, 0.0]])
    rng = np.random.default_rng(5)
    for op in net.mixed_ops:
        for group in op.weighted_groups:
            group.affine.assign(rng.uniform(0.5, 1.5, group.affine.shape))
    return net


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    images = tf.constant(rng.uniform(-1, 1, (5, 8, 8, 3)), tf.float32)
    return images, tf.constant([0, 1, 2, 1, 0], tf.int64)


def keras_block(op, slot, choice, resolution):
    block = slot.block(choice)
    model = keras_network.build_block(block, resolution)
    names = [f"block_{i}" for i in range(len(block.stages))]
    keras_network.set_stage_weights(model, names, iter(op.export(choice)))
    return lambda x: model(x, training=True)


def explicit_cross_entropy(net, images, labels, values):
    """The cross-entropy of a Keras network whose gates `[slots, candidates]` multiply outputs."""
    child = SPACE.child([0, 0])
    stem, head = keras_network.build_stem(child), keras_network.build_head(child)
    keras_network.set_stage_weights(stem, ["stem"], iter(net.stem.export(0)))
    keras_network.set_stage_weights(head, ["head"], iter(net.head.export(0)))
    classifier = net.classifier.export()
    head.get_layer("logits").set_weights(classifier)
    x = stem(images, training=True)
    for i, (op, slot) in enumerate(zip(net.mixed_ops, SPACE.slots, strict=True)):
        blocks = [keras_block(op, slot, c, 8) for c in range(len(slot.candidates))]
        x = tf.add_n([values[i, c] * block(x) for c, block in enumerate(blocks)])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, head(x, training=True))
    return tf.reduce_mean(losses)


def explicit_gates(net, batch, values):
    """The cross-entropy at these gates, and its gradient with respect to them."""
    with tf.GradientTape() as tape:
        tape.watch(values)
        cross_entropy = explicit_cross_entropy(net, *batch, values)
    return cross_entropy, tape.gradient(cross_entropy, values)


def by_alpha(net, by_gate, w_latency, choices=None):
    """d(sum_j p_j (dCE/dg_j + w_latency F_j)) / dalpha, over all candidates or over a pair."""
    alpha = tf.convert_to_tensor(net.alpha.value)
    combined = by_gate + w_latency * tf.constant(LATENCIES.matrix, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(alpha)
        if choices is None:
            p = tf.nn.softmax(tf.where(net.mask, alpha, -np.inf))
            relaxed = tf.reduce_sum(p * combined)
        else:
            q = tf.nn.softmax(tf.gather(alpha, choices, batch_dims=1))
            relaxed = tf.reduce_sum(q * tf.gather(combined, choices, batch_dims=1))
    return tape.gradient(relaxed, alpha)


def use_objective(net, with_latency):
    """Sets the objective; returns the weight of latency in its next gradient."""
    net.objective = objectives.CrossEntropy()
    if not with_latency:
        return 0.0
    net.objective = AddLinear(TARGET_MS, 0.9)
    return 0.9 / TARGET_MS


def compare(found, cross_entropy, expected):
    np.testing.assert_allclose(found.cross_entropy, cross_entropy, rtol=1e-4)
    np.testing.assert_allclose(found.gradient, expected, rtol=2e-3, atol=1e-5)
    assert np.abs(found.gradient).max() > 1e-4


def seeds():
    return [tf.constant([i, 4], tf.int64) for i in range(4)]


@pytest.mark.parametrize("with_latency", [False, True])
def test_two_path_gradient_is_that_of_a_network_with_explicit_gates(net, batch, with_latency):
    for seed in seeds():
        w_latency = use_objective(net, with_latency)
        found = TwoPathGradient().architecture_gradient(net, *batch, seed)
        pair = sampling.sample_two_paths(net.alpha.value, net.mask, seed).choices
        cross_entropy, by_gate = explicit_gates(net, batch, tf.one_hot(pair[:, 0], 3))
        compare(found, cross_entropy, by_alpha(net, by_gate, w_latency, pair))


@pytest.mark.parametrize("with_latency", [False, True])
def test_full_gradient_is_that_of_a_network_with_explicit_gates(net, batch, with_latency):
    paths = set()
    w_latency = use_objective(net, with_latency)
    gradient = tf.function(FullGradient().architecture_gradient, autograph=False)
    for seed in seeds():
        found = gradient(net, *batch, seed)
        path = sampling.sample_path(net.alpha.value, net.mask, seed)
        cross_entropy, by_gate = explicit_gates(net, batch, tf.one_hot(path, 3))
        compare(found, cross_entropy, by_alpha(net, by_gate, w_latency))
        paths.add(tuple(path.numpy()))
    assert len(paths) > 1


@pytest.mark.parametrize("with_latency", [False, True])
def test_darts_gradient_is_that_of_the_relaxation(net, batch, with_latency):
    """The gate gradient at p, times the Jacobian of the softmax, equals automatic gradients."""
    w_latency = use_objective(net, with_latency)
    found = Darts().architecture_gradient(net, *batch, seeds()[0])
    alpha = tf.convert_to_tensor(net.alpha.value)
    with tf.GradientTape() as tape:
        tape.watch(alpha)
        p = tf.nn.softmax(tf.where(net.mask, alpha, -np.inf))
        cross_entropy = explicit_cross_entropy(net, *batch, p)
        expected_ms = tf.reduce_sum(p * tf.constant(LATENCIES.matrix, tf.float32))
        loss = cross_entropy + w_latency * expected_ms
    compare(found, cross_entropy, tape.gradient(loss, alpha))


def test_the_pairs_above_hold_a_skip_active_and_inactive(net):
    # Otherwise the comparison would not cover skips.
    pairs = [
        sampling.sample_two_paths(net.alpha.value, net.mask, seed).choices[0] for seed in seeds()
    ]
    assert any(int(pair[0]) == 1 for pair in pairs) and any(int(pair[1]) == 1 for pair in pairs)


def test_a_skip_keeps_its_latency_gradient(net, batch):
    class LatencyAlone:
        variables = {}

        def gradient_weights(self, cross_entropy, expected_ms):
            return tf.constant(0.0), tf.constant(1.0)

    net.objective = LatencyAlone()
    for seed in seeds():
        found = TwoPathGradient().architecture_gradient(net, *batch, seed).gradient.numpy()
        choices = sampling.sample_two_paths(net.alpha.value, net.mask, seed).choices.numpy()
        for slot, pair in enumerate(choices):
            ms = LATENCIES.slots[slot][pair]
            # Descent lowers alpha of the slower and raises that of the faster by the same amount.
            slower, faster = pair[np.argmax(ms)], pair[np.argmin(ms)]
            assert found[slot, slower] > 0
            np.testing.assert_allclose(found[slot, faster], -found[slot, slower], rtol=1e-4)
