"""ProxylessNAS, REINFORCE form (Cai, Zhu & Han, ICLR 2019, section 3.3.2; Williams 1992).

Weight step: one path drawn from p = softmax(alpha), as in the gradient form. Architecture step:
some networks are drawn from p and run forwards, one after the other, on one validation batch. With
R a network's reward (`nas/rewards.py`) and b a moving average of rewards, alpha climbs along

    mean over networks of (R - b) * grad log p(network),    grad log p = g - p in every slot

(g one-hot at the slot's candidate), which is the expected reward's gradient on average, whatever b
is, as long as it does not depend on the networks just drawn. What is returned is its negative, for
an optimizer that descends. Latency enters by the reward, that of each network itself. Of the
search's objective the weights of gradients have no part in it; what moves alpha after the step,
and so leads it to its target, does.

Before the first step there is no average; then b is that batch's own mean, which shortens this one
gradient by a factor (n - 1) / n on average and turns it nowhere.
"""

from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

from nas import gates, rewards, routes
from nas.algorithms.protocol import ArchitectureGradient, SupernetAlgorithm
from nas.search_config import SearchConfig

if TYPE_CHECKING:
    from nas.supernet import Supernet

# Of the moving average; TuNAS' value (Bender et al. 2020).
BASELINE_MOMENTUM = 0.95


class Networks(NamedTuple):
    """What sampled networks showed on one batch; the first dimension counts the networks.

    Attributes:
        choices: `[networks, slots]` int32.
        reward: `[networks]`.
        cross_entropy: `[networks]`.
        accuracy: `[networks]`.
    """

    choices: tf.Tensor
    reward: tf.Tensor
    cross_entropy: tf.Tensor
    accuracy: tf.Tensor


class Reinforce(SupernetAlgorithm):
    """Policy gradient of the reward."""

    def __init__(self, config: SearchConfig | None = None, steps_per_epoch: int = 1) -> None:
        super().__init__(config, steps_per_epoch)
        self.reward = rewards.reward(self.config)
        # Replicas have the same averaged rewards, so the same baseline.
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.baseline = tf.Variable(0.0, trainable=False, aggregation=first)
        self.baseline_steps = tf.Variable(0, trainable=False, aggregation=first)
        self.variables = {
            "reward_baseline": self.baseline,
            "reward_baseline_steps": self.baseline_steps,
        }

    def architecture_gradient(
        self, supernet: "Supernet", images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """As many forwards as networks, one after the other, and no backward."""
        seeds = tf.random.split(seed, self.config.reinforce_networks)
        alpha = tf.convert_to_tensor(supernet.alpha.value)
        found = self._run(supernet, images, labels, alpha, seeds)
        mean_reward = tf.reduce_mean(found.reward)
        baseline = tf.where(self.baseline_steps > 0, self.baseline, mean_reward)
        p = gates.path_probabilities(alpha, supernet.mask)
        scores = tf.one_hot(found.choices, alpha.shape[1]) - p
        advantages = found.reward - baseline
        return ArchitectureGradient(
            gradient=-tf.reduce_mean(advantages[:, None, None] * scores, axis=0),
            cross_entropy=tf.reduce_mean(found.cross_entropy),
            accuracy=tf.reduce_mean(found.accuracy),
            reward=mean_reward,
        )

    def _run(
        self,
        supernet: "Supernet",
        images: tf.Tensor,
        labels: tf.Tensor,
        alpha: tf.Tensor,
        seeds: tf.Tensor,
    ) -> Networks:
        """Draws a network for every seed and runs it; one traced network, one in memory."""
        count = self.config.reinforce_networks
        slots = alpha.shape[0]
        matrix = tf.constant(supernet.latencies.matrix, tf.float32)
        constant_ms = tf.constant(supernet.latencies.constant_ms, tf.float32)

        def run_next(i: tf.Tensor, *found: tf.TensorArray) -> tuple:
            choices = gates.sample_path(alpha, supernet.mask, seeds[i])
            logits = supernet.logits(images, routes.Path(choices), training=True)
            accuracy = supernet.accuracy(labels, logits)
            latency_ms = constant_ms + tf.reduce_sum(tf.gather(matrix, choices, batch_dims=1))
            reward = self.reward(accuracy, latency_ms)
            values = Networks(choices, reward, supernet.cross_entropy(labels, logits), accuracy)
            return i + 1, *(rows.write(i, v) for rows, v in zip(found, values, strict=True))

        start = [
            tf.TensorArray(tf.int32, count, element_shape=[slots]),
            *(tf.TensorArray(tf.float32, count, element_shape=[]) for _ in range(3)),
        ]
        _, *found = tf.while_loop(
            lambda i, *_: i < count,
            run_next,
            [tf.constant(0), *start],
            parallel_iterations=1,
        )
        return Networks(*(rows.stack() for rows in found))

    def observe(self, found: ArchitectureGradient) -> None:
        """Moves the baseline towards the mean reward."""
        is_first = self.baseline_steps < 1
        kept = tf.where(is_first, 0.0, BASELINE_MOMENTUM)
        self.baseline.assign(kept * self.baseline + (1.0 - kept) * found.reward)
        self.baseline_steps.assign_add(1)
