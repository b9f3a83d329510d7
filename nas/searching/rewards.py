"""Rewards of a sampled network, from its quality, its latency and the target.

    absolute    quality + beta * |latency / target - 1|, beta < 0   (Bender et al. 2020, TuNAS)
    power       quality * (target / latency)^w, w > 0               (Tan et al. 2019, MnasNet)

The quality is the accuracy, as in these papers, or the likelihood exp(-cross-entropy)
(`SearchConfig.reward_quality`). Both are from 0 to 1.

The absolute reward is largest at the target, for equal quality. The power reward, which the
ProxylessNAS authors used, only sets a price of latency: the target is a factor common to all
networks, so it does not change their ranking. A scale-invariant optimizer such as Adam therefore
takes the same steps for every target, and the exponent determines the latency that the search ends
with. Without a target both rewards are the quality.
"""

from collections.abc import Callable

import tensorflow as tf

from nas import known_names
from nas.searching.search_config import SearchConfig

Reward = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def power(config: SearchConfig) -> Reward:
    """Returns the reward quality * (target / latency)^w."""

    def reward(quality: tf.Tensor, latency_ms: tf.Tensor) -> tf.Tensor:
        return quality * tf.pow(config.target / latency_ms, config.reward_exponent)

    return reward


def absolute(config: SearchConfig) -> Reward:
    """Returns the reward quality + beta * |latency / target - 1|."""

    def reward(quality: tf.Tensor, latency_ms: tf.Tensor) -> tf.Tensor:
        distance = tf.abs(latency_ms / config.target - 1.0)
        return quality + config.reward_beta * distance

    return reward


REWARDS: dict[str, Callable[[SearchConfig], Reward]] = {"absolute": absolute, "power": power}


def reward(config: SearchConfig) -> Reward:
    """Returns the reward that `config` names; without a target, the quality.

    Raises:
        ValueError: the reward is unknown; the message lists the known ones.
    """
    known_names.check("reward", config.reward, REWARDS)
    if not config.target:
        return lambda quality, latency_ms: quality
    return REWARDS[config.reward](config)
