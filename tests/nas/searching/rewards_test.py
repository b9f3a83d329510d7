import pytest
import tensorflow as tf

from nas.searching import rewards
from nas.searching.search_config import SearchConfig


def value(accuracy, latency_ms, **settings):
    reward = rewards.reward(SearchConfig(**settings))
    return float(reward(tf.constant(accuracy), tf.constant(latency_ms)))


def test_power_by_hand():
    # 0.8 * (20 / 80)^0.5 and 0.8 * (20 / 5)^0.5.
    settings = {"reward": "power", "reward_exponent": 0.5, "target": 20.0}
    assert value(0.8, 80.0, **settings) == pytest.approx(0.4)
    assert value(0.8, 5.0, **settings) == pytest.approx(1.6)
    assert value(0.8, 20.0, **settings) == pytest.approx(0.8)


def test_absolute_by_hand():
    # 0.8 - 0.2 * |25 / 20 - 1|, and the same for 15.
    settings = {"reward": "absolute", "reward_beta": -0.2, "target": 20.0}
    assert value(0.8, 25.0, **settings) == pytest.approx(0.75)
    assert value(0.8, 15.0, **settings) == pytest.approx(0.75)
    assert value(0.8, 20.0, **settings) == pytest.approx(0.8)


def test_the_target_moves_no_preference_of_the_power_form():
    def ratio(target_ms):
        settings = {"reward": "power", "target": target_ms}
        return value(0.8, 30.0, **settings) / value(0.7, 10.0, **settings)

    assert ratio(5.0) == pytest.approx(ratio(50.0))


@pytest.mark.parametrize("form", rewards.REWARDS)
def test_without_a_target_it_is_the_accuracy(form):
    assert value(0.625, 0.0, reward=form) == 0.625


def test_an_unknown_form_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="expected one of absolute, power; received 'sum'"):
        rewards.reward(SearchConfig(reward="sum"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reward_exponent": 0.0}, "reward_exponent: expected above 0, received 0.0"),
        ({"reward_beta": 0.1}, "reward_beta: expected below 0, received 0.1"),
    ],
)
def test_a_form_that_rewards_slowness_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SearchConfig(**settings)
