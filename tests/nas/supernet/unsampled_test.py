"""Tests that every optimizer updates the sampled path as Keras would, and nothing else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.architecture import spaces
from nas.searching.algorithms import proxyless_gradient
from nas.supernet import routes, supernet

SPACE = spaces.SPACES["tiny"].with_task(4, 16)
PATHS = [(1, 1, 0), (0, 1, 2), (1, 0, 1)]
# `global_clipnorm` is so small that every step is clipped.
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1, weight_decay=0.01),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda: keras.optimizers.SGD(
        *(0.1, 0.9, True), weight_decay=0.01, global_clipnorm=0.1
    ),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "adamw": lambda: keras.optimizers.AdamW(0.01, 0.1, global_clipnorm=0.1),
}


@pytest.fixture(params=OPTIMIZERS)
def make_optimizer(request):
    return OPTIMIZERS[request.param]


def batch(i):
    rng = np.random.default_rng(i)
    images = rng.uniform(-1, 1, (6, 16, 16, 3)).astype(np.float32)
    return tf.constant(images), tf.constant(rng.integers(0, 4, 6))


def compiled(optimizer):
    net = supernet.Supernet(SPACE, seed=1)
    net.compile(optimizer, proxyless_gradient.TwoPathGradient(), label_smoothing=0.1)
    return net


def rows(net):
    """Copies of all banks, of the optimizer's state for them, and of alpha."""
    banks = [g for op in net.mixed_ops for group in op.weighted_groups for g in group.variables]
    kept = [v for v in net.optimizer.variables if "group" in v.path]
    counts = net.path_optimizer.variables.values()
    return [np.array(v) for v in (*banks, *kept, *counts, net.alpha)]


def sampled_rows(net, path):
    """The row that `path` reads of each bank of `net.mixed_ops`, or None."""
    found = []
    for op, choice in zip(net.mixed_ops, path, strict=True):
        for selection in op.select(choice):
            found += [int(selection.rows[0]) if bool(selection.is_active) else None] * 3
    return found


def test_what_was_not_sampled_keeps_every_bit(make_optimizer):
    net = compiled(make_optimizer())
    for i, path in enumerate(PATHS):
        before = rows(net)
        net.weight_step(*batch(i), routes.Path(path))
        after = rows(net)
        wanted = sampled_rows(net, path)
        for old, new, row in zip(before, after, wanted, strict=False):
            moved = (old != new).any(axis=1)
            assert list(np.flatnonzero(moved)) == ([] if row is None else [row])
        # At most one row of momentum, moments and counts changes, and none of alpha.
        assert not (before[-1] != after[-1]).any()
        for old, new in zip(before[len(wanted) : -1], after[len(wanted) : -1], strict=True):
            moved = old != new
            assert (moved.any(axis=1) if moved.ndim == 2 else moved).sum() <= 1


def test_the_sampled_path_is_stepped_as_keras_steps_the_child(make_optimizer):
    net = compiled(make_optimizer())
    path = PATHS[0]
    child = net.inherit(path)
    start = child.get_weights()
    optimizer = make_optimizer()
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    child.compile(optimizer, loss, run_eagerly=True)
    for i in range(3):
        images, labels = batch(i)
        net.weight_step(images, labels, routes.Path(path))
        child.train_on_batch(images, tf.one_hot(labels, 4))
    trained = net.inherit(path)
    for ours, stock in zip(trained.trainable_variables, child.trainable_variables, strict=True):
        np.testing.assert_allclose(ours, stock, rtol=2e-3, atol=3e-4, err_msg=stock.path)
    moved = [not np.array_equal(a, b) for a, b in zip(start, child.get_weights(), strict=True)]
    assert np.mean(moved) > 0.9
