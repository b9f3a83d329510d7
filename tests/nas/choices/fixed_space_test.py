"""A space of fixed widths and resolution has the values it had before others were possible."""

import random

import numpy as np
import pytest
import tensorflow as tf

from nas.choices import derive, sampling
from nas.choices.candidate_costs import Latencies
from nas.choices.chain_costs import ChainCosts
from nas.choices.cost_distribution import LatencyDistribution
from nas.choices.layer_costs import LayerCosts
from nas.choices.uniform_children import UniformChildren

SLOTS = [
    [0.31, 1.7, 0.0],
    [2.2, 2.9],
    [0.1, 0.77, 4.4],
    [1.3],
    [0.6, 0.61, 0.9, 2.4],
    [3.1, 1.1],
]
FIXED = Latencies([np.array(slot) for slot in SLOTS], 1.7)
MASK = np.arange(4) < np.array([len(slot) for slot in SLOTS])[:, None]
ALPHA = tf.constant(np.where(MASK, np.sin(np.arange(24.0)).reshape(6, 4), 0.0), tf.float32)
P = sampling.path_probabilities(ALPHA, MASK)
BY_CANDIDATE = [
    [1.36228085e-01, 7.16014858e-03, 1.24577463e-01, 0.0],
    [6.29444048e-02, 1.00079864e-01, 0.0, 0.0],
    [8.37098584e-02, 1.02994576e-01, 3.76580283e-05, 0.0],
    [7.96420202e-02, 0.0, 0.0, 0.0],
    [1.30196333e-01, 1.31400466e-01, 1.41175255e-01, 4.97921230e-03],
    [2.23662541e-03, 1.63183749e-01, 0.0, 0.0],
]


def as_chain():
    """The same space with widths of one option, a row that decides nothing."""
    layers = [LayerCosts(np.full([1, 1, 1, 1], 1.7), None, None, 6)]
    layers += [
        LayerCosts(np.array(slot)[None, :, None, None], row, 6, 6) for row, slot in enumerate(SLOTS)
    ]
    return ChainCosts(layers)


def test_costs():
    assert (FIXED.fastest_ms, FIXED.slowest_ms, FIXED.at(0.37)) == (
        7.000000000000001,
        17.5,
        10.885000000000002,
    )
    assert FIXED.to_dict() == {"quantity": "latency_ms", "slots_ms": SLOTS, "constant_ms": 1.7}
    np.testing.assert_allclose(FIXED.expected(P), 10.6283597946167, rtol=1e-6)
    np.testing.assert_allclose(FIXED.most_probable(ALPHA, MASK), 10.800000190734863, rtol=1e-6)
    np.testing.assert_array_equal(FIXED.gradient(P), FIXED.matrix.astype(np.float32))


def test_distribution():
    distribution = LatencyDistribution(FIXED)
    assert len(distribution.grid_ms) == 1024
    np.testing.assert_array_equal(
        distribution.grid_ms[[0, 1, 500, -1]],
        np.float32([7.0, 7.010263919830322, 12.131964683532715, 17.5]),
    )
    score = 1.0 / (1.0 + ((distribution.grid_ms / 8.0 - 1.0) / 0.05) ** 4)
    found = distribution.scores(P, tf.constant(score))
    np.testing.assert_allclose(found.mean, 0.07964202761650085, rtol=1e-6)
    np.testing.assert_allclose(found.by_candidate, BY_CANDIDATE, rtol=1e-6)


@pytest.mark.parametrize(
    ("limit", "of_p", "of_equal"),
    [
        (7.1, (2, 0, 0, 0, 0, 1), (2, 0, 0, 0, 1, 1)),
        (8.0, (2, 1, 0, 0, 2, 1), (2, 1, 0, 0, 2, 1)),
        (10.0, (2, 1, 0, 0, 0, 0), (2, 1, 0, 0, 2, 0)),
        (17.0, (1, 0, 2, 0, 3, 0), (1, 0, 2, 0, 3, 0)),
    ],
)
def test_the_most_probable_child(limit, of_p, of_equal):
    padded = np.where(MASK, P.numpy().astype(float), np.nan)
    equal = np.where(MASK, 1.0 / MASK.sum(axis=1, keepdims=True), np.nan)
    assert derive.most_probable_within(padded, FIXED, limit, 0.97 * limit) == of_p
    # Among equally probable children the choice depends on the order in which they are met.
    assert derive.most_probable_within(equal, FIXED, limit, 0.97 * limit) == of_equal


@pytest.mark.parametrize(
    ("limit", "drawn"),
    [
        (8.0, [(0, 0, 0, 0, 1, 1), (0, 0, 0, 0, 1, 1), (2, 0, 0, 0, 2, 1), (0, 0, 0, 0, 0, 1)]),
        (None, [(1, 0, 0, 0, 3, 0), (0, 0, 0, 0, 2, 0), (1, 1, 2, 0, 2, 0), (0, 0, 0, 0, 2, 1)]),
    ],
)
def test_draws_of_a_seed(limit, drawn):
    children, source = UniformChildren(FIXED, limit), random.Random(4)
    assert [children.draw(source) for _ in drawn] == drawn


def test_widths_of_one_option_change_nothing():
    chain = as_chain()
    assert (chain.fastest_ms, chain.slowest_ms) == (FIXED.fastest_ms, FIXED.slowest_ms)
    assert chain.of([1, 1, 2, 0, 3, 0, 0]) == FIXED.of([1, 1, 2, 0, 3, 0])
    p = tf.concat([P, [[1.0, 0.0, 0.0, 0.0]]], axis=0)
    np.testing.assert_array_equal(chain.expected(p), FIXED.expected(P))
    np.testing.assert_array_equal(chain.gradient(p)[:6], FIXED.gradient(P))
    padded = np.where(chain.mask, p, np.nan)
    found = derive.most_probable_within(padded, chain, 8.0, 7.76)
    assert found == (*derive.most_probable_within(padded[:6], FIXED, 8.0, 7.76), 0)
    of_fixed, of_chain = LatencyDistribution(FIXED), LatencyDistribution(chain)
    np.testing.assert_array_equal(of_chain.grid_ms, of_fixed.grid_ms)
    score = tf.sin(tf.constant(of_fixed.grid_ms))
    scores = of_chain.scores(p, score)
    np.testing.assert_allclose(scores.by_candidate[:6], of_fixed.scores(P, score).by_candidate)
    np.testing.assert_allclose(scores.by_candidate[6, 0], scores.mean)
