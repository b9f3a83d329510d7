import numpy as np
import pytest
import tensorflow as tf

from nas.choices.candidate_costs import Latencies

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


def test_a_fraction_of_the_range_is_a_latency_of_the_range():
    latencies = Latencies([np.array([1.0, 3.0]), np.array([0.0, 2.0, 6.0])], 2.0)
    assert latencies.at(0.0) == 3.0
    assert latencies.at(0.25) == 5.0
    assert latencies.at(1.0) == 11.0 == latencies.slowest_ms


def test_latency_of_the_largest_alphas_leaves_the_padding_out():
    mask = np.array([[True, True, True], [True, True, False]])
    alpha = tf.constant([[0.1, 0.3, 0.2], [-2.0, -1.0, 0.0]])
    np.testing.assert_allclose(RAGGED.most_probable(alpha, mask), RAGGED.of([1, 1]), rtol=1e-6)


def test_another_quantity_is_named_in_its_own_unit():
    macs = Latencies([np.array([1e6, 4e6])], 2e6, "macs")
    assert macs.unit == "macs"
    assert macs.to_dict()["quantity"] == "macs"
    with pytest.raises(ValueError, match=r"target macs: expected between 3e\+06 and 6e\+06 macs"):
        macs.check_target(1e6)
