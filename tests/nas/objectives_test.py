import numpy as np
import pytest
import tensorflow as tf

from nas.objectives import CrossEntropy, Latencies, TargetLatency

RAGGED = Latencies([np.array([1.0, 4.0, 2.0]), np.array([3.0, 0.5])], 10.0)


def test_latencies_are_sums_over_the_slots():
    assert RAGGED.of([1, 0]) == 17.0
    assert RAGGED.of([2, 1]) == 12.5
    assert (RAGGED.fastest_ms, RAGGED.slowest_ms) == (11.5, 17.0)
    np.testing.assert_array_equal(RAGGED.matrix, [[1, 4, 2], [3, 0.5, 0]])


def test_expected_latency_by_hand_and_its_gradient():
    p = tf.constant([[0.5, 0.25, 0.25], [0.2, 0.8, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(p)
        expected = RAGGED.expected(p)
    # 10 + (0.5 + 1 + 0.5) + (0.6 + 0.4)
    np.testing.assert_allclose(expected, 13.0, rtol=1e-6)
    np.testing.assert_array_equal(tape.gradient(expected, p), RAGGED.matrix)


def test_no_latency_is_zero_everywhere():
    nothing = Latencies.zero([3, 2])
    assert nothing.of([2, 1]) == 0.0
    assert float(nothing.expected(tf.ones([2, 3]) / 3)) == 0.0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_latencies_must_be_finite(bad):
    with pytest.raises(ValueError, match="finite"):
        Latencies([np.array([1.0, bad])], 0.0)


@pytest.mark.parametrize("target", [11.4, 17.1, 0.0, -1.0, float("nan")])
def test_a_target_out_of_reach_is_refused_with_the_range(target):
    with pytest.raises(ValueError, match="between 11.5 and 17 ms.*received"):
        RAGGED.check_target(target)


@pytest.mark.parametrize("target", [11.5, 14.0, 17.0])
def test_a_target_within_reach_is_taken(target):
    RAGGED.check_target(target)


def test_cross_entropy_gives_latency_no_weight():
    weights = CrossEntropy().gradient_weights(tf.constant(2.0), tf.constant(5.0))
    assert [float(w) for w in weights] == [1.0, 0.0]


def test_the_multiplier_by_hand_over_two_steps():
    objective = TargetLatency(10.0, integral_gain=0.1, proportional_gain=0.5)
    # Excess 0.2: integral 0.02, multiplier 0.02 + 0.1 = 0.12, per millisecond 0.012.
    w_ce, w_latency = objective.gradient_weights(tf.constant(1.0), tf.constant(12.0))
    np.testing.assert_allclose([w_ce, w_latency], [1.0, 0.012], rtol=1e-5)
    # Excess -0.4: integral -0.02, multiplier -0.02 - 0.2 = -0.22: it may turn negative.
    w_ce, w_latency = objective.gradient_weights(tf.constant(1.0), tf.constant(6.0))
    np.testing.assert_allclose([w_ce, w_latency], [1.0, -0.022], rtol=1e-5)
    np.testing.assert_allclose(objective.variables["latency_multiplier"], -0.02, rtol=1e-5)


@pytest.mark.parametrize(("expected_ms", "sign"), [(11.0, 1), (9.0, -1)])
def test_the_multiplier_rises_above_the_target_and_falls_below(expected_ms, sign):
    objective = TargetLatency(10.0)
    steps = [
        float(objective.gradient_weights(tf.constant(1.0), tf.constant(expected_ms))[1])
        for _ in range(3)
    ]
    assert (sign * np.diff([0.0, *steps]) > 0).all()


@pytest.mark.parametrize("start", [(1.0, 0.0, -1.0), (-1.0, 0.0, 1.0)])
@pytest.mark.parametrize("target", [2.5, 6.0])
def test_a_toy_search_settles_on_its_target(start, target):
    ms = np.array([1.0, 4.0, 8.0])
    # The slower, the more accurate; left alone, the slowest would win.
    preference = tf.constant([1.0, 0.6, 0.0])
    objective = TargetLatency(target)
    alpha = tf.Variable(start)
    latencies = Latencies([ms], 0.0)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            p = tf.nn.softmax(alpha)
            cross_entropy = tf.reduce_sum(p * preference)
            expected = latencies.expected(p[None])
        by_p = tape.gradient(cross_entropy, p)
        w_ce, w_latency = objective.gradient_weights(cross_entropy, expected)
        by_p = w_ce * by_p + w_latency * tf.constant(ms, tf.float32)
        alpha.assign_sub(0.3 * p * (by_p - tf.reduce_sum(p * by_p)))
        return expected

    for _ in range(1500):
        settled = float(step())
    assert abs(settled / target - 1) < 0.01


def test_a_fraction_of_the_range_is_a_latency_of_the_range():
    latencies = Latencies([np.array([1.0, 3.0]), np.array([0.0, 2.0, 6.0])], 2.0)
    assert latencies.at(0.0) == 3.0
    assert latencies.at(0.25) == 5.0
    assert latencies.at(1.0) == 11.0 == latencies.slowest_ms
