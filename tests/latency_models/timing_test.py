import contextlib

import pytest

from latency_models import timing


class DriftingDevice:
    """A machine that gets slower from sample to sample; model content is its true latency."""

    name, num_threads = "drifting", 1

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


@pytest.mark.parametrize("arguments", [{"min_rounds": 1}, {"rounds": 5}, {"references": 0}])
def test_a_plan_that_measures_nothing_is_refused(arguments):
    with pytest.raises(ValueError, match="expected"):
        timing.Plan(**arguments)
