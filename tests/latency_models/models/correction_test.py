import numpy as np
import pydantic
import pytest

from latency_models.models import correction


def test_recovers_scale_and_overhead_of_exact_data():
    sums, counts = np.array([1.0, 2.0, 4.0, 3.0]), np.array([5, 7, 8, 4])
    learned = correction.fit(sums, counts, 1.5 * sums - 0.01 * counts)
    assert learned.scale == pytest.approx(1.5)
    assert learned.per_part_ms == pytest.approx(-0.01)
    assert learned.part_ms(0.1) == pytest.approx(0.14)


def test_recovers_what_streamed_weights_cost():
    sums, counts = np.array([1.0, 2.0, 4.0, 3.0]), np.array([5, 7, 8, 4])
    weights = np.array([2e5, 0.0, 1e6, 3e6])
    measured = 1.5 * sums - 0.01 * counts + 2e-6 * weights
    learned = correction.fit(sums, counts, measured, weights)
    assert learned.scale == pytest.approx(1.5)
    assert learned.per_streamed_weight_ms == pytest.approx(2e-6)
    assert learned.part_ms(0.1, 1e5) == pytest.approx(0.34)


def test_streamed_weights_never_save_time_and_may_be_absent():
    sums, counts = np.array([1.0, 2.0, 4.0, 3.0]), np.array([5, 7, 8, 4])
    weights = np.array([2e5, 0.0, 1e6, 3e6])
    learned = correction.fit(sums, counts, 1.5 * sums - 2e-7 * weights, weights)
    assert learned.per_streamed_weight_ms == pytest.approx(0.0, abs=1e-12)
    without = correction.fit(sums, counts, 1.5 * sums, np.zeros(4))
    assert without == correction.fit(sums, counts, 1.5 * sums)
    assert without.per_streamed_weight_ms == 0.0


def test_a_file_from_before_streamed_weights_is_read():
    adapter = pydantic.TypeAdapter(correction.Correction)
    learned = adapter.validate_python({"scale": 1.5, "per_part_ms": -0.01})
    assert learned.part_ms(0.1, 1e6) == pytest.approx(0.14)


def test_scale_is_not_negative_where_larger_sums_were_faster():
    sums, counts = np.array([1.0, 2.0, 3.0]), np.array([4, 4, 4])
    assert correction.fit(sums, counts, np.array([3.0, 2.0, 1.0])).scale == pytest.approx(
        0.0, abs=1e-6
    )


def test_fast_networks_count_as_much_as_slow_ones():
    # One number cannot be 10 % above 1 and 10 % below 100 in the squares of milliseconds.
    sums, counts = np.array([1.0, 100.0]), np.array([0, 0])
    scale = correction.fit(sums, counts, np.array([1.1, 90.0])).scale
    by_hand = (1 / 1.1 + 100 / 90) / ((1 / 1.1) ** 2 + (100 / 90) ** 2)
    assert scale == pytest.approx(by_hand)


def test_a_part_never_takes_less_than_nothing():
    learned = correction.Correction(scale=1.0, per_part_ms=-0.5)
    assert learned.part_ms(0.75) == 0.25
    assert learned.part_ms(0.25) == 0.0


def test_weights_and_the_invocation_of_a_network_are_learned_if_given():
    generator = np.random.default_rng(0)
    num_parts = generator.integers(4, 12, 40).astype(float)
    alone = generator.uniform(1.0, 5.0, 40) * num_parts
    weights = generator.uniform(1e4, 1e6, 40)
    latency = 1.1 * alone - 0.3 * num_parts + 2e-7 * weights + 0.4
    learned = correction.fit(alone, num_parts, latency, weights=weights)
    assert learned.scale == pytest.approx(1.1)
    assert learned.per_part_ms == pytest.approx(-0.3)
    assert learned.per_weight_ms == pytest.approx(2e-7)
    assert learned.per_network_ms == pytest.approx(0.4)
    # A network is the sum of its parts, of which the first counts the invocation.
    of_parts = learned.part_ms(5.0, 0.0, 1e5, is_first=True) + learned.part_ms(3.0, 0.0, 2e5)
    assert learned.sum_ms(8.0, 2, 0.0, 3e5) == pytest.approx(of_parts)


def test_weights_and_the_invocation_never_take_less_than_no_time():
    generator = np.random.default_rng(1)
    num_parts, alone = generator.integers(4, 12, 40).astype(float), generator.uniform(9.0, 50.0, 40)
    weights = generator.uniform(1e4, 1e6, 40)
    latency = alone - 1e-7 * weights - 0.2
    learned = correction.fit(alone, num_parts, latency, weights=weights)
    assert 0.0 <= learned.per_weight_ms < 1e-12
    assert 0.0 <= learned.per_network_ms < 1e-6


def test_a_file_from_before_the_last_terms_is_read():
    old = {"scale": 1.2, "per_part_ms": -0.1, "per_streamed_weight_ms": 0.5}
    model = pydantic.TypeAdapter(correction.Correction).validate_python(old)
    assert model.sum_ms(10.0, 3, 2.0, 1e6) == 1.2 * 10.0 - 0.1 * 3 + 0.5 * 2.0
