"""What holds for every search algorithm, on one small space."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas import algorithms, supernet
from nas.candidates import MBConv, Skip
from nas.latencies import Latencies
from nas.specs import Head, SearchSpace, Slot, Stem

SPACE = SearchSpace(
    name="contract",
    resolution=8,
    num_classes=3,
    stem=Stem(4, 3, 2),
    layers=(
        Slot(4, 4, (MBConv(3, 1), Skip(), MBConv(5, 2))),
        Slot(4, 6, (MBConv(3, 1), MBConv(5, 1)), 2),
    ),
    head=Head(6),
)
LATENCIES = Latencies([np.array([4.0, 1.0, 9.0]), np.array([2.0, 7.0])], 1.0)
FASTEST = [1, 0]


class LatencyAlone:
    """An objective under which the best child is the fastest one."""

    variables: dict = {}

    def gradient_weights(self, cross_entropy, expected_ms):
        del cross_entropy, expected_ms
        return tf.constant(0.0), tf.constant(1.0)


@pytest.fixture(scope="module", params=algorithms.ALGORITHMS)
def net(request):
    net = supernet.Supernet(SPACE, seed=2)
    net.compile(
        keras.optimizers.SGD(0.1),
        keras.optimizers.Adam(0.1, 0.0, 0.999),
        algorithm=algorithms.algorithm(request.param),
        objective=LatencyAlone(),
        latencies=LATENCIES,
    )
    return net


@pytest.fixture(scope="module")
def batch():
    images = np.random.default_rng(0).uniform(-1, 1, (6, 8, 8, 3))
    return tf.constant(images, tf.float32), tf.constant([0, 1, 2] * 2, tf.int64)


def seed(i):
    return tf.constant([i, 1], tf.int64)


def weight_step(net, batch, i):
    """A weight step from the fixture's first state: the weights after it."""
    first = [np.array(v) for v in (*net.variables, *net.optimizer.variables)]
    net.weight_step(*batch, net.algorithm.weight_route(net, seed(i)))
    after = {v.path: np.array(v) for v in net.variables}
    for variable, value in zip((*net.variables, *net.optimizer.variables), first, strict=True):
        variable.assign(value)
    return after


def test_a_weight_step_trains_every_candidate_sooner_or_later_and_never_alpha(net, batch):
    before = {v.path: np.array(v) for v in net.variables}
    moved = {name: np.zeros(len(value), bool) for name, value in before.items() if value.ndim == 2}
    for i in range(12):
        after = weight_step(net, batch, i)
        np.testing.assert_array_equal(after[net.alpha.path], before[net.alpha.path])
        for name in moved:
            moved[name] |= (after[name] != before[name]).any(axis=1)
    del moved[net.alpha.path]
    assert all(rows.all() for rows in moved.values())


def test_the_same_seed_makes_the_same_weight_step(net, batch):
    first, again = (weight_step(net, batch, 5) for _ in range(2))
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name], err_msg=name)


def test_its_state_can_be_kept_in_a_checkpoint(net):
    for name, variable in net.algorithm.variables.items():
        assert isinstance(name, str) and isinstance(variable, tf.Variable)


def test_the_gradient_has_alphas_shape_and_no_part_in_the_padding(net, batch):
    results = [net.algorithm.architecture_gradient(net, *batch, seed(i)) for i in range(4)]
    for result in results:
        assert result.gradient.shape == net.alpha.shape
        assert np.isfinite(result.gradient).all()
        assert not result.gradient.numpy()[~net.mask].any()
        assert result.cross_entropy.shape == result.accuracy.shape == ()
        assert result.cross_entropy > 0 and 0 <= result.accuracy <= 1
    assert any(result.gradient.numpy().any() for result in results)


def test_the_same_seed_gives_the_same_gradient(net, batch):
    first, again = (net.algorithm.architecture_gradient(net, *batch, seed(3)) for _ in range(2))
    np.testing.assert_array_equal(first.gradient, again.gradient)
    np.testing.assert_array_equal(first.cross_entropy, again.cross_entropy)


def test_weights_moments_and_alpha_are_read_only(net, batch):
    before = [np.array(v) for v in net.variables]
    for i in range(2):
        net.algorithm.architecture_gradient(net, *batch, seed(i))
    for variable, value in zip(net.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)


def test_the_clearly_better_candidates_win(net, batch):
    start = np.array(net.alpha)

    @tf.function
    def step(i):
        result = net.algorithm.architecture_gradient(net, *batch, tf.stack([i, 9]))
        before = tf.identity(net.alpha.value)
        net.arch_optimizer.apply([result.gradient], [net.alpha])
        after = tf.identity(net.alpha.value)
        net.alpha.assign(net.algorithm.finish(net, before, after, tf.stack([i, 9])))

    for i in range(80):
        step(tf.constant(i, tf.int64))
    probabilities = net.probabilities
    assert not np.array(net.alpha)[~net.mask].any()
    net.alpha.assign(start)
    np.testing.assert_array_equal(np.nanargmax(probabilities, axis=1), FASTEST)
    assert (np.nanmax(probabilities, axis=1) > 0.8).all()


def test_unknown_algorithms_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="expected one of proxyless_gradient.*received 'magic'"):
        algorithms.algorithm("magic")
