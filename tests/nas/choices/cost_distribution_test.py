import itertools

import numpy as np
import pytest
import tensorflow as tf

from nas.choices.candidate_costs import Latencies
from nas.choices.cost_distribution import LatencyDistribution

# Multiples of a thousandth of the range, so nothing is rounded.
EXACT = Latencies([np.array([0.0, 100.0, 473.0]), np.array([50.0, 600.0])], 7.0)
ODD = Latencies([np.array([0.31, 1.7, 0.0]), np.array([2.2, 2.9]), np.array([0.1, 0.77, 4.4])], 1.0)


def brute_force(latencies, p, score):
    """The mean score, and the mean score given each choice, by enumerating all paths."""
    counts = [len(slot) for slot in latencies.slots]
    mean, given = 0.0, np.zeros(latencies.matrix.shape)
    for path in itertools.product(*map(range, counts)):
        for slot, choice in enumerate(path):
            others = np.prod([p[i, c] for i, c in enumerate(path) if i != slot])
            given[slot, choice] += others * score(latencies.of(path))
        mean += np.prod([p[i, c] for i, c in enumerate(path)]) * score(latencies.of(path))
    return mean, given


def random_probabilities(latencies, seed):
    p = np.random.default_rng(seed).uniform(0.1, 1.0, latencies.matrix.shape)
    counts = np.array([len(slot) for slot in latencies.slots])
    p = np.where(np.arange(p.shape[1]) < counts[:, None], p, 0.0)
    return (p / p.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(("latencies", "tolerance"), [(EXACT, 1e-5), (ODD, 5e-3)])
@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_all_paths(latencies, tolerance, seed):
    p = random_probabilities(latencies, seed)
    middle = latencies.at(0.4)
    distribution = LatencyDistribution(latencies)

    def score(ms):
        return 1.0 / (1.0 + (ms / middle - 1.0) ** 2)

    found = distribution.scores(tf.constant(p), tf.constant(score(distribution.grid_ms)))
    mean, given = brute_force(latencies, p, score)
    np.testing.assert_allclose(found.mean, mean, rtol=tolerance)
    np.testing.assert_allclose(found.by_candidate, given, rtol=tolerance)


# One operation takes a hundred times as long as all others together.
SLOW = Latencies([np.array([0.0, 3.0, 1700.0]), np.array([1.0, 4.0]), np.array([0.0, 2.0])], 7.0)


@pytest.mark.parametrize("seed", range(3))
def test_a_grid_that_ends_early_takes_all_slower_networks_for_equal(seed):
    p = random_probabilities(SLOW, seed)
    most = 14.0
    cut, whole = LatencyDistribution(SLOW, most), LatencyDistribution(SLOW)
    assert cut.grid_ms[-1] == pytest.approx(most, rel=1e-3)

    def score(ms):
        return 1.0 / (1.0 + (np.minimum(ms, most) / 11.0 - 1.0) ** 2 / 0.01)

    mean, given = brute_force(SLOW, p, score)
    found = cut.scores(tf.constant(p), tf.constant(score(cut.grid_ms)))
    np.testing.assert_allclose(found.mean, mean, rtol=5e-3)
    np.testing.assert_allclose(found.by_candidate, given, rtol=5e-3)
    # The whole grid has bins of 1.7 ms, which are too wide for this score.
    coarse = whole.scores(tf.constant(p), tf.constant(score(whole.grid_ms)))
    assert abs(coarse.mean / mean - 1.0) > 0.02


def test_a_grid_that_ends_behind_the_slowest_network_is_the_whole_grid():
    p = tf.constant(random_probabilities(ODD, 0))
    whole, same = LatencyDistribution(ODD), LatencyDistribution(ODD, ODD.slowest_ms)
    np.testing.assert_array_equal(whole.grid_ms, same.grid_ms)
    score = tf.cos(tf.constant(whole.grid_ms))
    for ours, theirs in zip(whole.scores(p, score), same.scores(p, score), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_derivative_by_a_probability_is_the_candidates_score():
    p = tf.constant(random_probabilities(ODD, 5))
    distribution = LatencyDistribution(ODD)
    score = tf.sin(tf.constant(distribution.grid_ms))
    with tf.GradientTape() as tape:
        tape.watch(p)
        found = distribution.scores(p, score)
    derivative = tape.gradient(found.mean, p).numpy()
    np.testing.assert_allclose(found.by_candidate, derivative, atol=1e-5)
    # Padding has no score.
    assert found.by_candidate[1, 2] == 0


def test_the_grid_goes_from_the_fastest_path_to_the_slowest():
    grid = LatencyDistribution(ODD).grid_ms
    np.testing.assert_allclose(grid[[0, -1]], [ODD.fastest_ms, ODD.slowest_ms], rtol=2e-3)
    assert np.all(np.diff(grid) > 0)


def test_a_space_of_equal_latencies_has_one_bin_that_is_always_hit():
    same = Latencies([np.array([2.0, 2.0]), np.array([1.0, 1.0])], 1.0)
    distribution = LatencyDistribution(same)
    found = distribution.scores(tf.constant([[0.3, 0.7], [0.5, 0.5]]), tf.constant([1.0]))
    np.testing.assert_array_equal(distribution.grid_ms, [4.0])
    np.testing.assert_allclose(found.by_candidate, np.ones((2, 2)), rtol=1e-6)
