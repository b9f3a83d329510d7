import math

import keras
import pytest

from nas.training.diverging import Diverging


@pytest.mark.parametrize(
    ("loss", "earlier", "stops"),
    [
        # ln 10 = 2.303: three times of it at first, later two above the lowest epoch.
        (6.90, [], False),
        (6.91, [], True),
        (5.60, [1.0, 2.0], False),
        (5.61, [1.0, 2.0], True),
        # An earlier epoch above guessing allows nothing more.
        (6.91, [4.0], True),
    ],
)
def test_a_loss_may_be_two_guesses_above_the_lowest(loss, earlier, stops):
    reason = Diverging(10).reason({"loss": loss, "accuracy": 0.1}, earlier, True)
    assert bool(reason) == stops
    assert reason is None or f"received {loss:.3g}; lower the learning rate" in reason


def test_averages_of_few_steps_need_only_be_finite():
    diverging = Diverging(10)
    assert diverging.reason({"loss": 1000.0}, [], False) is None
    assert "received {'loss': inf}" in diverging.reason({"loss": math.inf}, [], False)


def test_a_loss_of_no_classifier_may_be_any_finite_number():
    assert Diverging().reason({"loss": 1e30}, [], True) is None
    assert Diverging().reason({"loss": math.nan}, [], True)


def test_the_rate_at_the_step_is_named():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.25, 0.5])
    optimizer = keras.optimizers.SGD(schedule)
    optimizer.build([])
    optimizer.iterations.assign(5)
    reason = Diverging(10, optimizer).reason({"loss": 100.0}, [], True)
    assert "lower the learning rate, which was 0.5 at this step," in reason
