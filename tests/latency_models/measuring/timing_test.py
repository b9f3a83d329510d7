import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_models.measuring import timing


class DriftingDevice:
    """A machine that gets slower from sample to sample; model content is its true latency."""

    name, num_threads, plan = "drifting", 1, timing.Plan()

    def __init__(self, drift):
        self.order = []
        self._drift = drift

    def environment(self):
        return {"device": self.name}

    @contextlib.contextmanager
    def session(self, models, min_sample_ms):
        self._models = models
        yield self

    def sample_ms(self, key):
        self.order.append(key)
        return float(self._models[key]) * (1.0 + self._drift * len(self.order))

    def conditions(self):
        return {"samples": len(self.order)}


def test_drift_cancels_against_the_reference():
    # Every round is 16 % slower than the first was: raw medians are far off, ratios are not.
    device = DriftingDevice(drift=0.02)
    plan = timing.Plan(rounds=40, min_rounds=40)
    times = timing.measure(device, {"a": b"3.0", "b": b"6.0"}, b"2.0", plan)
    assert times["a"].relative_latency == pytest.approx(1.5, rel=0.01)
    assert times["b"].relative_latency == pytest.approx(3.0, rel=0.01)
    assert times["a"].latency_ms > 1.5 * 3.0
    assert times["a"].count == 40


def test_every_round_has_every_model_in_another_order_with_the_reference_in_between():
    device = DriftingDevice(drift=0.0)
    plan = timing.Plan(rounds=10, min_rounds=10, references=3)
    timing.measure(device, {"a": b"1", "b": b"1", "c": b"1"}, b"1", plan)
    rounds = [tuple(device.order[i : i + 6]) for i in range(0, 60, 6)]
    assert len(device.order) == 60
    assert {tuple(sorted(r)) for r in rounds} == {
        tuple(sorted(["a", "b", "c"] + ["reference"] * 3))
    }
    assert len(set(rounds)) > 5


def test_the_same_seed_gives_the_same_order():
    orders = []
    for seed in (0, 0, 1):
        device = DriftingDevice(drift=0.0)
        plan = timing.Plan(rounds=5, min_rounds=5, seed=seed)
        timing.measure(device, {"a": b"1", "b": b"1"}, b"1", plan)
        orders.append(device.order)
    assert orders[0] == orders[1] != orders[2]


def test_a_spent_budget_still_takes_the_least_number_of_rounds():
    plan = timing.Plan(rounds=50, min_rounds=4, budget_seconds=0.0)
    times = timing.measure(DriftingDevice(0.0), {"a": b"1"}, b"1", plan)
    assert times["a"].count == 4


def test_statistics_worked_by_hand():
    times = timing.summarize([1.0, 2.0, 3.0, 10.0], [1.0, 1.0, 2.0, 2.0])
    assert times.latency_ms == 2.5
    assert times.reference_ms == 1.5
    assert times.relative_latency == pytest.approx((1.5 + 2.0) / 2)
    assert times.half_relative_latencies == pytest.approx(((1.0 + 1.5) / 2, (2.0 + 5.0) / 2))
    assert times.p10_ms == pytest.approx(1.3)
    assert times.p90_ms == pytest.approx(7.9)


class JumpingDevice(DriftingDevice):
    """Model `jumping` takes now one, now two times as long; all others are steady."""

    def sample_ms(self, key):
        latency_ms = super().sample_ms(key)
        return latency_ms * (1 + len(self.order) % 2) if key == "jumping" else latency_ms


def test_two_latencies_that_take_turns_are_noisy_however_steady_the_commoner_is():
    times = timing.summarize([1.0] * 6 + [2.0] * 4, [1.0] * 10, max_variation=0.1)
    assert (times.outliers, times.coefficient_of_variation) == (4, 0.0)
    assert times.noisy


def test_a_sample_far_off_is_left_out():
    samples = [1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 7.0, 1.0]
    times = timing.summarize(samples, [1.0] * 8, max_variation=0.05)
    assert (times.count, times.outliers, times.noisy) == (8, 1, False)
    assert times.latency_ms == 1.0
    assert times.p90_ms < 1.03
    assert times.coefficient_of_variation < 0.02


def test_equal_samples_do_not_make_a_small_step_an_outlier():
    # Microseconds printed whole: 100, 100, 100, 101.
    assert not timing.outliers(np.array([100.0, 100.0, 100.0, 101.0])).any()
    assert timing.outliers(np.array([100.0, 100.0, 100.0, 110.0])).tolist() == [False] * 3 + [True]


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30))
def test_at_most_half_of_any_samples_are_outliers(values):
    assert timing.outliers(np.array(values)).sum() <= len(values) / 2


def test_what_varies_gets_more_rounds_and_is_marked():
    plan = timing.Plan(rounds=8, min_rounds=8, extra_rounds=6, references=1, max_variation=0.1)
    device = JumpingDevice(0.0)
    times = timing.measure(device, {"steady": b"1", "jumping": b"1"}, b"1", plan)
    assert (times["steady"].count, times["steady"].noisy) == (8, False)
    assert (times["jumping"].count, times["jumping"].noisy) == (14, True)
    assert times["steady"].conditions == {"samples": 8 * 3 + 6 * 2}


@pytest.mark.parametrize(
    "arguments",
    [
        {"min_rounds": 1},
        {"rounds": 5},
        {"references": 0},
        {"extra_rounds": -1},
        {"models_at_once": 0},
        {"max_variation": 0.0},
    ],
)
def test_a_plan_that_measures_nothing_is_refused(arguments):
    with pytest.raises(ValueError, match="expected"):
        timing.Plan(**arguments)
