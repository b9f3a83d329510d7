import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.searching.algorithms import proxyless_gradient
from nas.searching.algorithms.one_shot import PathDropout, UniformPaths
from nas.searching.search_config import SearchConfig
from nas.supernet import routes, supernet

MASK = np.array([[True, True, True], [True, True, False]])
STEPS = 50


def dropout(rate):
    config = SearchConfig(epochs=4, warmup_epochs=1, path_dropout=rate)
    return PathDropout(config, steps_per_epoch=STEPS // 5)


def kept_in_many_steps(rate, step, draws=3000):
    """Which candidates were kept, `[draws, slots, candidates]`."""
    kept = tf.function(
        lambda i: dropout(rate).kept(MASK, tf.constant(step), tf.stack([i, 3])), autograph=False
    )
    return np.stack([kept(tf.constant(i)) for i in range(draws)])


def test_nothing_is_dropped_at_first_or_with_rate_zero():
    np.testing.assert_array_equal(dropout(0.9).kept(MASK, tf.constant(0), [1, 2]), MASK)
    np.testing.assert_array_equal(dropout(0.0).kept(MASK, tf.constant(STEPS), [1, 2]), MASK)


@pytest.mark.parametrize(("step", "part"), [(STEPS, 1.0), (STEPS // 2, 0.5), (2 * STEPS, 1.0)])
def test_the_rate_rises_linearly_and_candidates_are_dropped_independently(step, part):
    kept = kept_in_many_steps(0.25, step)
    assert not kept[:, 1, 2].any()
    for slot, count in enumerate((3, 2)):
        rate = part * 0.25 ** (1 / count)
        numbers = collections.Counter(kept[:, slot].sum(axis=1))
        # If all are dropped, one is kept, so a count of 1 stands for 0 and 1.
        one = rate**count + count * (1 - rate) * rate ** (count - 1)
        expected = {count: (1 - rate) ** count, 1: one}
        for number, probability in expected.items():
            deviation = (probability * (1 - probability) / len(kept)) ** 0.5
            assert abs(numbers[number] / len(kept) - probability) < 4 * deviation
        # All candidates are kept equally often.
        shares = kept[:, slot, :count].mean(axis=0)
        np.testing.assert_allclose(shares, shares.mean(), atol=0.04)


def test_at_a_rate_near_one_a_single_candidate_is_left():
    kept = kept_in_many_steps(0.999999, STEPS, draws=300)
    assert (kept.sum(axis=2) == 1).mean() > 0.99 and (kept.sum(axis=2) >= 1).all()
    assert kept[:, 0].mean(axis=0).min() > 0.2


SPACE = SearchSpace(
    name="two_slots",
    resolution=8,
    num_classes=3,
    stem=Stem(4, 3, 2),
    layers=(
        Slot(4, 4, (MBConv(3, 1), MBConv(3, 2), Skip())),
        Slot(4, 6, (MBConv(3, 1), MBConv(5, 1)), 2),
    ),
    head=Head(6),
)


@pytest.fixture(scope="module")
def net():
    net = supernet.Supernet(SPACE, seed=1)
    net.compile(keras.optimizers.SGD(0.1), proxyless_gradient.TwoPathGradient())
    return net


def test_what_is_kept_is_averaged(net, monkeypatch):
    """Two of three candidates are kept, then one of two."""
    kept = tf.constant([[True, False, True], [False, True, False]])
    algorithm = dropout(0.5)
    monkeypatch.setattr(algorithm, "kept", lambda *_: kept)
    route = algorithm.weight_route(net, tf.constant([1, 2]))
    x = tf.random.stateless_normal([2, 4, 4, 4], [1, 2])
    layer = net._layers_in_order[1]
    found, _ = route.run(layer, x, route.read(layer), True)
    first = routes.Path([0, 0])
    alone, _ = first.run(layer, x, first.read(layer), True)
    np.testing.assert_allclose(found, (alone + x) / 2, rtol=1e-5, atol=1e-6)


def test_uniform_paths_do_not_heed_alpha(net):
    net.alpha.assign([[50.0, 0.0, 0.0], [0.0, 50.0, 0.0]])
    algorithm = UniformPaths()
    counts = np.zeros([2, 3])
    for i in range(300):
        # Only the choices of the path are compared.
        route = algorithm.weight_route(net, tf.constant([i, 5]))
        for slot, choice in enumerate(route._choices):
            counts[slot, int(choice)] += 1
    net.alpha.assign(tf.zeros_like(net.alpha))
    np.testing.assert_allclose(counts / 300, [[1 / 3] * 3, [1 / 2, 1 / 2, 0]], atol=0.12)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_rate_that_cannot_be_is_refused(rate):
    with pytest.raises(ValueError, match="path_dropout: expected from 0 to below 1"):
        SearchConfig(path_dropout=rate)


@pytest.mark.parametrize("algorithm", [UniformPaths(), PathDropout()])
def test_no_architecture_gradient_is_made_up(algorithm, net):
    with pytest.raises(NotImplementedError, match="learns no architecture parameters"):
        algorithm.architecture_gradient(net, None, None, None)
