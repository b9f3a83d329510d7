"""Rewards of a sampled network, from its accuracy, its latency and the target.

    absolute    accuracy + beta * |latency / target - 1|, beta < 0   (Bender et al. 2020, TuNAS)
    power       accuracy * (target / latency)^w, w > 0               (Tan et al. 2019, MnasNet)

The absolute reward is largest at the target, for equal accuracy. The power reward, which the
ProxylessNAS authors used, only sets a price of latency: the target is a factor common to all
networks, so it does not change their ranking. A scale-invariant optimizer such as Adam therefore
takes the same steps for every target, and the exponent determines the latency that the search ends
with. Without a target both rewards are the accuracy.
"""

from collections.abc import Callable

import tensorflow as tf

from nas.searching.search_config import SearchConfig

Reward = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def power(config: SearchConfig) -> Reward:
    """Returns the reward accuracy * (target / latency)^w."""

    def reward(accuracy: tf.Tensor, latency_ms: tf.Tensor) -> tf.Tensor:
        return accuracy * tf.pow(config.target / latency_ms, config.reward_exponent)

    return reward


def absolute(config: SearchConfig) -> Reward:
    """Returns the reward accuracy + beta * |latency / target - 1|."""

    def reward(accuracy: tf.Tensor, latency_ms: tf.Tensor) -> tf.Tensor:
        distance = tf.abs(latency_ms / config.target - 1.0)
        return accuracy + config.reward_beta * distance

    return reward


REWARDS: dict[str, Callable[[SearchConfig], Reward]] = {"absolute": absolute, "power": power}


def reward(config: SearchConfig) -> Reward:
    """Returns the reward that `config` names; without a target, the accuracy.

    Raises:
        ValueError: the reward is unknown; the message lists the known ones.
    """
    if config.reward not in REWARDS:
        known = ", ".join(REWARDS)
        raise ValueError(f"reward: expected one of {known}; received {config.reward!r}")
    if not config.target:
        return lambda accuracy, latency_ms: accuracy
    return REWARDS[config.reward](config)
