"""ProxylessNAS, REINFORCE form (Cai, Zhu & Han, ICLR 2019, section 3.3.2; Williams 1992).

Weight step: one path drawn from p = softmax(alpha), as in the gradient form. Architecture step:
several networks are drawn from p and run forward, one after the other, on one validation batch.
With R a network's reward (`nas/searching/rewards.py`) and b a baseline, alpha follows

    mean over networks of (R - b) * grad log p(network),    grad log p = g - p in every row

(g one-hot at the row's option). This is an unbiased estimate of the expected reward's gradient
for every b that does not depend on the network. Either b is a moving average of rewards, or, for
each network, the mean reward of the step's other networks (Kool, van Hoof & Welling 2019). All
networks of a step see the same images, so the luck of these images is in the rewards of the others
too and cancels. The algorithm returns its negative,
since the optimizer minimises. Latency enters through each network's reward. The weights that the
search's objective gives to gradients are not used; its change of alpha after the step, which leads
to the target, is.

Before the first step there is no moving average. Then b is the mean reward of the batch, which
scales this one gradient by (n - 1) / n on average and does not change its direction.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from nas.choices import sampling
from nas.distribution import replicas
from nas.searching import rewards
from nas.searching.algorithms.protocol import SupernetAlgorithm
from nas.searching.search_config import SearchConfig
from nas.supernet import routes
from nas.supernet.learning_network import ArchitectureGradient
from nas.supernet.supernet import Supernet

# Momentum of the moving average; TuNAS' value (Bender et al. 2020).
BASELINE_MOMENTUM = 0.95


class Networks(NamedTuple):
    """Results of sampled networks on one batch; the first dimension counts the networks.

    Attributes:
        choices: `[networks, rows]` int32.
        reward: `[networks]`.
        cross_entropy: `[networks]`.
        accuracy: `[networks]`.
    """

    choices: tf.Tensor
    reward: tf.Tensor
    cross_entropy: tf.Tensor
    accuracy: tf.Tensor


class Reinforce(SupernetAlgorithm):
    """The REINFORCE form: the policy gradient of the reward."""

    is_rewarded = True

    def __init__(self, config: SearchConfig | None = None, steps_per_epoch: int = 1) -> None:
        super().__init__(config, steps_per_epoch)
        self.reward = rewards.reward(self.config)
        # Replicas see the same rewards, so their own copies stay equal.
        self.baseline = tf.Variable(0.0, trainable=False)
        self.baseline_steps = tf.Variable(0, trainable=False)
        self.variables = {
            "reward_baseline": self.baseline,
            "reward_baseline_steps": self.baseline_steps,
        }

    def architecture_gradient(
        self, supernet: Supernet, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Computes alpha's gradient by one forward pass per sampled network, and no backward."""
        return self.gradient_of(supernet, self.judge(supernet, images, labels, seed))

    def gradient_of(self, supernet: Supernet, found: Networks) -> ArchitectureGradient:
        """Computes alpha's gradient from the rewards of networks that were drawn by it."""
        alpha = tf.convert_to_tensor(supernet.alpha.value)
        p = sampling.path_probabilities(alpha, supernet.mask)
        scores = tf.one_hot(found.choices, alpha.shape[1]) - p
        advantages = found.reward - self._baseline_of(found.reward)
        return ArchitectureGradient(
            gradient=-tf.reduce_mean(advantages[:, None, None] * scores, axis=0),
            cross_entropy=tf.reduce_mean(found.cross_entropy),
            accuracy=tf.reduce_mean(found.accuracy),
            reward=tf.reduce_mean(found.reward),
        )

    def _baseline_of(self, rewards: tf.Tensor) -> tf.Tensor:
        """Returns what each reward is compared with; a scalar or as many as `rewards`."""
        if self.config.reward_baseline == "others":
            return (tf.reduce_sum(rewards) - rewards) / (self.config.reinforce_networks - 1)
        return tf.where(self.baseline_steps > 0, self.baseline, tf.reduce_mean(rewards))

    def judge(
        self, supernet: Supernet, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> Networks:
        """Draws networks and runs them; only one is traced and in memory at a time.

        If replicas normalize together, every network is traced, since replicas cannot wait for each
        other in a loop.
        """
        seeds = tf.random.split(seed, self.config.reinforce_networks)
        alpha = tf.convert_to_tensor(supernet.alpha.value)
        if self.config.reinforce_images:
            # Of several replicas each takes its part.
            images, labels = (self._first_part(one) for one in (images, labels))

        def run_one(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            choices = sampling.sample_path(alpha, supernet.mask, seed)
            logits = supernet.logits(images, routes.Path(choices), training=True)
            cross_entropy = supernet.cross_entropy(labels, logits)
            return choices, cross_entropy, supernet.accuracy(labels, logits)

        if supernet.is_synchronized:
            found = [tf.stack(rows) for rows in zip(*map(run_one, tf.unstack(seeds)), strict=True)]
        else:
            found = self._in_turn(lambda i: run_one(seeds[i]), alpha.shape[0])
        choices, *means = found
        cross_entropy, accuracy = replicas.mean(means)
        latency_ms = supernet.latencies.costs_of(choices)
        reward = self.reward(self.quality(cross_entropy, accuracy), latency_ms)
        return Networks(choices, reward, cross_entropy, accuracy)

    def quality(self, cross_entropy: tf.Tensor, accuracy: tf.Tensor) -> tf.Tensor:
        """Returns what the reward is made of beside the latency, from 0 to 1."""
        return tf.exp(-cross_entropy) if self.config.reward_quality == "likelihood" else accuracy

    def _first_part(self, of_replica: tf.Tensor) -> tf.Tensor:
        count = tf.shape(of_replica)[0] * self.config.reinforce_images // self.config.batch_size
        return of_replica[: tf.maximum(count, 1)]

    def _in_turn(self, run: Callable[[tf.Tensor], tuple], slots: int) -> list[tf.Tensor]:
        count = self.config.reinforce_networks

        def run_next(i: tf.Tensor, *found: tf.TensorArray) -> tuple:
            return i + 1, *(rows.write(i, v) for rows, v in zip(found, run(i), strict=True))

        start = [
            tf.TensorArray(tf.int32, count, element_shape=[slots]),
            *(tf.TensorArray(tf.float32, count, element_shape=[]) for _ in range(2)),
        ]
        _, *found = tf.while_loop(
            lambda i, *_: i < count,
            run_next,
            [tf.constant(0), *start],
            parallel_iterations=1,
        )
        return [rows.stack() for rows in found]

    def observe(self, found: ArchitectureGradient) -> None:
        """Updates the baseline with the mean reward."""
        is_first = self.baseline_steps < 1
        kept = tf.where(is_first, 0.0, BASELINE_MOMENTUM)
        self.baseline.assign(kept * self.baseline + (1.0 - kept) * found.reward)
        self.baseline_steps.assign_add(1)
