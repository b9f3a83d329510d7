"""What a sampled network is worth: its accuracy, and how its latency stands to the target.

    absolute    accuracy + beta * |latency / target - 1|, beta < 0   (Bender et al. 2020, TuNAS)
    power       accuracy * (target / latency)^w, w > 0               (Tan et al. 2019, MnasNet)

The absolute form has its ridge at the target. The power form, which the ProxylessNAS authors used,
only sets the price of latency: the target is a factor common to all networks, so it moves no
preference between them, and an optimizer indifferent to scale, as Adam is, takes the same way
whatever the target. With it the exponent decides where the search settles. Without a target both
are the accuracy.
"""

from collections.abc import Callable

import tensorflow as tf

from nas.searching.search_config import SearchConfig

Reward = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def power(config: SearchConfig) -> Reward:
    """Accuracy * (target / latency)^w."""

    def reward(accuracy: tf.Tensor, latency_ms: tf.Tensor) -> tf.Tensor:
        return accuracy * tf.pow(config.target / latency_ms, config.reward_exponent)

    return reward


def absolute(config: SearchConfig) -> Reward:
    """Accuracy + beta * |latency / target - 1|."""

    def reward(accuracy: tf.Tensor, latency_ms: tf.Tensor) -> tf.Tensor:
        distance = tf.abs(latency_ms / config.target - 1.0)
        return accuracy + config.reward_beta * distance

    return reward


REWARDS: dict[str, Callable[[SearchConfig], Reward]] = {"absolute": absolute, "power": power}


def reward(config: SearchConfig) -> Reward:
    """The reward that `config` asks for.

    Raises:
        ValueError: no such form; the known ones are listed.
    """
    if config.reward not in REWARDS:
        known = ", ".join(REWARDS)
        raise ValueError(f"reward: expected one of {known}; received {config.reward!r}")
    if not config.target:
        return lambda accuracy, latency_ms: accuracy
    return REWARDS[config.reward](config)
