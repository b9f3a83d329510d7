import collections
import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.choices import sampling
from nas.supernet import gates

MASK = tf.constant([[True, True, True], [True, True, False]])


def logs(rows):
    return tf.math.log(tf.constant(rows, tf.float32))


def seed(i):
    return tf.constant([7, i], tf.int64)


def test_two_candidates_by_hand():
    # p = (3/4, 1/4), dL/dg = (2, -4). Jacobian of softmax: p1 p2 = 3/16 on the diagonal and
    # -3/16 elsewhere, so dL/dalpha = (2 * 3/16 + 4 * 3/16, -2 * 3/16 - 4 * 3/16) = (9/8, -9/8).
    found = gates.softmax_gradient(tf.constant([[2.0, -4.0]]), tf.constant([[0.75, 0.25]]))
    np.testing.assert_allclose(found, [[1.125, -1.125]], rtol=1e-6)


def test_softmax_gradient_is_that_of_the_relaxation():
    rng = np.random.default_rng(0)
    outputs = tf.constant(rng.normal(size=(2, 3, 5)), tf.float32)
    alpha = tf.Variable(rng.normal(size=(2, 3)), dtype=tf.float32)
    with tf.GradientTape() as tape:
        p = sampling.path_probabilities(alpha, MASK)
        mixed = tf.einsum("sc,scd->sd", p, outputs)
        loss = tf.reduce_sum(mixed**2)
    expected = tape.gradient(loss, alpha)
    gate_gradients = tf.einsum("sd,scd->sc", 2 * mixed, outputs)
    np.testing.assert_allclose(
        gates.softmax_gradient(gate_gradients, p), expected, rtol=1e-4, atol=1e-5
    )
    assert expected[1, 2] == 0


def test_probabilities_and_entropy_of_known_values():
    alpha = logs([[1.0, 2.0, 5.0], [3.0, 1.0, 1e6]])
    np.testing.assert_allclose(
        sampling.path_probabilities(alpha, MASK),
        [[1 / 8, 2 / 8, 5 / 8], [3 / 4, 1 / 4, 0]],
        rtol=1e-6,
    )
    undecided = tf.zeros([2, 3])
    np.testing.assert_allclose(
        sampling.entropy(undecided, MASK), (math.log(3) + math.log(2)) / 2, rtol=1e-6
    )
    np.testing.assert_allclose(
        sampling.entropy(tf.constant([[99.0, 0, 0]] * 2), MASK), 0, atol=1e-6
    )


def test_paths_are_drawn_as_often_as_their_probability_says():
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.8, 0.0]])
    draws = 4000
    alpha = tf.repeat(logs(np.where(p > 0, p, 1e9)), draws, axis=0)
    sampled = sampling.sample_path(alpha, tf.repeat(MASK, draws, axis=0), seed(0)).numpy()
    sampled = sampled.reshape(2, draws)
    for slot in (0, 1):
        counts = np.bincount(sampled[slot], minlength=3)
        expected = draws * p[slot]
        known = expected > 0
        # 99.9 % point of chi-square with two degrees of freedom.
        assert np.sum((counts - expected)[known] ** 2 / expected[known]) < 13.8
        assert counts[~known].sum() == 0


def test_the_same_seed_draws_the_same_path():
    alpha, mask = tf.zeros([40, 3]), tf.ones([40, 3], tf.bool)
    first = sampling.sample_path(alpha, mask, seed(0))
    np.testing.assert_array_equal(first, sampling.sample_path(alpha, mask, seed(0)))
    assert (first.numpy() != sampling.sample_path(alpha, mask, seed(1)).numpy()).any()
    # Slots are drawn independently of each other.
    assert len(set(first.numpy())) == 3


def test_two_paths_are_drawn_without_replacement():
    p = {0: 0.5, 1: 0.3, 2: 0.2}
    # By enumeration: the first is drawn by p, the second by p among the rest, the active one by p.
    expected = {}
    for a, b in itertools.permutations(p, 2):
        pair = p[a] * p[b] / (1 - p[a]) + p[b] * p[a] / (1 - p[b])
        expected[a, b] = pair * p[a] / (p[a] + p[b])
    slots = 20_000
    alpha = tf.repeat(logs([list(p.values())]), slots, axis=0)
    found = sampling.sample_two_paths(alpha, tf.ones_like(alpha, tf.bool), seed(0))
    counts = collections.Counter(map(tuple, found.choices.numpy()))
    assert set(counts) == set(expected)
    for pair, probability in expected.items():
        deviation = math.sqrt(probability * (1 - probability) / slots)
        assert abs(counts[pair] / slots - probability) < 4 * deviation
    for pair, q in zip(found.choices.numpy()[:50], found.probabilities.numpy()[:50], strict=True):
        masses = np.array([p[c] for c in pair])
        np.testing.assert_allclose(q, masses / masses.sum(), rtol=1e-5)


def test_padding_is_in_no_pair_however_small_the_others():
    alpha = tf.constant([[0.0, -40.0, 0.0]] * 200)
    mask = tf.constant([[True, True, False]] * 200)
    found = sampling.sample_two_paths(alpha, mask, seed(0))
    np.testing.assert_array_equal(np.sort(found.choices, axis=1), [[0, 1]] * 200)


ALPHAS = st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=6)


@given(ALPHAS, st.data())
@settings(deadline=None, max_examples=50)
def test_rescaling_leaves_every_other_probability(alpha, data):
    pair = data.draw(st.permutations(range(len(alpha))))[:2]
    steps = [data.draw(st.floats(-2, 2, width=32)) for _ in pair]
    before = np.array([alpha], np.float32)
    after = before.copy()
    after[0, pair] += steps
    mask = tf.ones_like(before, tf.bool)
    done = gates.rescale_pair(tf.constant(before), tf.constant(after), tf.constant([pair]))
    p, q = (sampling.path_probabilities(tf.constant(a), mask).numpy()[0] for a in (before, done))
    others = [i for i in range(len(alpha)) if i not in pair]
    np.testing.assert_allclose(q[others], p[others], atol=1e-6)
    # The ratio of the pair is that of `after`, as the optimizer set it.
    np.testing.assert_allclose(
        done[0, pair[0]] - done[0, pair[1]], after[0, pair[0]] - after[0, pair[1]], atol=1e-5
    )


def test_scattered_pairs_land_in_their_columns():
    values = gates.scatter_pair(tf.constant([[1.0, 2.0], [3.0, 4.0]]), [[2, 0], [1, 3]], 4)
    np.testing.assert_array_equal(values, [[2, 0, 1, 0], [0, 3, 0, 4]])


def inner_products(*functions):
    """The argument `gate_gradients` of `gate_with`, for candidates that are these functions."""

    def gate_gradients(upstream, x):
        return tf.stack([gates.inner_product(upstream, function(x)) for function in functions])

    return gate_gradients


@pytest.mark.parametrize("skips", [False, True])
def test_gates_get_the_inner_product_of_gradient_and_output(skips):
    rng = np.random.default_rng(0)
    x, w, other = (tf.constant(rng.normal(size=(2, 3, 3, 4)), tf.float32) for _ in range(3))
    values = tf.constant([1.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch([values, x, other])
        active = tf.identity if skips else tf.sin
        mixed = gates.gate_with(inner_products(active, lambda x: other * x), values, active(x), x)
        loss = tf.reduce_sum(w * mixed)
    np.testing.assert_array_equal(mixed, active(x))
    by_gate, by_x, by_other = tape.gradient(loss, [values, x, other])
    expected = [np.sum(w * active(x)), np.sum(w * other * x)]
    np.testing.assert_allclose(by_gate, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(by_x, w if skips else w * tf.cos(x), rtol=1e-5)
    assert by_other is None


def test_gate_gradients_are_summed_in_the_gates_precision():
    # The products are above 65504, the largest float16.
    output = tf.fill([1, 2, 2, 1], tf.constant(300.0, tf.float16))
    values = tf.constant([1.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        gate_gradients = inner_products(tf.identity, tf.negative)
        mixed = gates.gate_with(gate_gradients, values, output, output)
        loss = tf.reduce_sum(tf.cast(mixed, tf.float32) * 300.0)
    np.testing.assert_allclose(tape.gradient(loss, values), [360_000, -360_000])


def test_two_slots_by_hand():
    """y = (g . a) (h . b) x with a = (2, 5), b = (3, -1), x = 7, loss = y; g = h = (1, 0).

    dL/dg = x (h . b) a = 7 * 3 * (2, 5) and dL/dh = x (g . a) b = 7 * 2 * (3, -1). With p = (1/2,
    1/2) and q = (3/4, 1/4), the entries of the Jacobians are 1/4 and 3/16.
    """
    x = tf.fill([1, 1, 1, 1], 7.0)
    g, h = tf.constant([1.0, 0.0]), tf.constant([1.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch([g, h])
        first = inner_products(lambda x: 2.0 * x, lambda x: 5.0 * x)
        middle = gates.gate_with(first, g, 2.0 * x, x)
        second = inner_products(lambda x: 3.0 * x, lambda x: -1.0 * x)
        loss = tf.reduce_sum(gates.gate_with(second, h, 3.0 * middle, middle))
    by_gate = tf.stack(tape.gradient(loss, [g, h]))
    assert float(loss) == 42.0
    np.testing.assert_allclose(by_gate, [[42, 105], [42, -14]], rtol=1e-6)
    found = gates.softmax_gradient(by_gate, tf.constant([[0.5, 0.5], [0.75, 0.25]]))
    np.testing.assert_allclose(found, [[-15.75, 15.75], [10.5, -10.5]], rtol=1e-6)
