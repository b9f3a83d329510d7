"""A mixed network with what is minimised on it, and what its training steps ask of an algorithm."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import keras
import tensorflow as tf

from nas.architecture.specs import SearchSpace
from nas.choices import sampling
from nas.choices.candidate_costs import Latencies
from nas.layers import loss_scale
from nas.objectives import Objective
from nas.supernet import mixed_network, routes
from nas.supernet.path_optimizer import PathOptimizer


class ArchitectureGradient(NamedTuple):
    """The gradient of alpha on one validation batch: plain tensors, the same on all replicas.

    Attributes:
        gradient: `[slots, candidates]`, dL/dalpha.
        cross_entropy: scalar, mean over the batch.
        accuracy: scalar, in [0, 1].
        reward: scalar, mean over the networks; zero where nothing is rewarded.
    """

    gradient: tf.Tensor
    cross_entropy: tf.Tensor
    accuracy: tf.Tensor
    reward: tf.Tensor | float = 0.0


class StepAlgorithm(Protocol):
    """What the training steps of a supernet ask of a search algorithm.

    Every draw is a function of alpha, the seed and the number of steps made, so that replicas
    agree on it.

    Attributes:
        variables: state to be kept in checkpoints, by name.
        learns_alpha: whether there are architecture steps. Where there are none, no validation
            images are loaded, and `architecture_gradient`, `observe` and `finish` are not called.
        is_rewarded: whether networks have a reward, which then is a metric of every epoch.
    """

    variables: Mapping[str, tf.Variable]
    learns_alpha: bool
    is_rewarded: bool

    def weight_route(self, supernet: "LearningNetwork", seed: tf.Tensor) -> routes.Route:
        """How a weight step goes through the slots."""

    def architecture_gradient(
        self, supernet: "LearningNetwork", images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Gradient of the objective with respect to alpha on one validation batch.

        Weights, their moving moments and `variables` are read only. May run inside a branch.
        Whatever is differentiated by a tape goes through `supernet.loss_scale.gradient`, and
        whatever is computed from images through `replicas.mean` before anything depends on it, so
        that replicas agree on the result.
        """

    def observe(self, found: ArchitectureGradient) -> None:
        """Moves `variables` on, after a step along `found`."""

    def finish(
        self, supernet: "LearningNetwork", before: tf.Tensor, after: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """The final alpha, given alpha before and after the optimizer's update.

        Args:
            supernet: whose `alpha` is already `after`, or not yet.
            before: `[slots, candidates]`.
            after: `[slots, candidates]`.
            seed: the one `architecture_gradient` had.
        """


class LearningNetwork(mixed_network.MixedNetwork):
    """A mixed network, and all that its training steps need to know.

    Args:
        space: the search space.
        seed: of fresh weights and of every sampled path.
        precision: as `MixedNetwork`.
        sync_batch_norm: as `MixedNetwork`.

    Attributes:
        loss_scale: of both losses.
        seed: as given.
        trackers: means over an epoch, by the name they have in logs.
        algorithm, objective, latencies, path_optimizer, arch_optimizer: set by `Supernet.compile`.
    """

    algorithm: StepAlgorithm
    objective: Objective
    latencies: Latencies
    path_optimizer: PathOptimizer
    arch_optimizer: keras.optimizers.Optimizer

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        precision: str = "float32",
        sync_batch_norm: bool = True,
    ) -> None:
        super().__init__(space, seed, precision, sync_batch_norm)
        self.loss_scale = loss_scale.for_precision(precision)
        self.seed = seed
        self.trackers = {
            name: keras.metrics.Mean(name)
            for name in ("loss", "accuracy", "validation_loss", "validation_accuracy")
        }

    def cross_entropy(
        self, labels: tf.Tensor, logits: tf.Tensor, label_smoothing: float = 0.0
    ) -> tf.Tensor:
        """Mean cross-entropy of `labels` `[batch]` and `logits` `[batch, classes]`."""
        targets = tf.one_hot(labels, self.space.num_classes)
        targets = targets * (1.0 - label_smoothing) + label_smoothing / self.space.num_classes
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))

    def accuracy(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Fraction of `logits` `[batch, classes]` whose largest is the label."""
        predicted = tf.argmax(logits, axis=1, output_type=labels.dtype)
        return tf.reduce_mean(tf.cast(tf.equal(predicted, labels), tf.float32))

    def gradient_weights(
        self, cross_entropy: tf.Tensor, alpha: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The objective's (w_ce, w_latency per millisecond) for this architecture step."""
        expected_ms = self.latencies.expected(sampling.path_probabilities(alpha, self.mask))
        return self.objective.gradient_weights(cross_entropy, expected_ms)

    def architecture_state(self) -> dict[str, tf.Tensor]:
        """Latency, expected and of the most probable child, and the slots' mean entropy in nats."""
        alpha = self.alpha.value
        expected = self.latencies.expected(sampling.path_probabilities(alpha, self.mask))
        quantity = self.latencies.quantity
        return {
            f"expected_{quantity}": expected,
            f"most_probable_{quantity}": self.latencies.most_probable(alpha, self.mask),
            "entropy": sampling.entropy(alpha, self.mask),
        }
