"""A mixed network with its loss and metrics, and the interface of an algorithm to its steps."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf

from nas.architecture.specs import SearchSpace
from nas.choices import sampling
from nas.choices.chain_costs import ChainCosts
from nas.layers import loss_scale
from nas.objectives import Objective
from nas.pretrained.adapting import Seed
from nas.supernet import mixed_network, routes
from nas.supernet.path_optimizer import PathOptimizer


class ArchitectureGradient(NamedTuple):
    """The gradient of alpha on one validation batch, and metrics; equal on all replicas.

    Attributes:
        gradient: `[rows, options]`, dL/dalpha.
        cross_entropy: scalar, mean over the batch.
        accuracy: scalar, in [0, 1].
        reward: scalar, mean over the sampled networks; zero for algorithms without a reward.
    """

    gradient: tf.Tensor
    cross_entropy: tf.Tensor
    accuracy: tf.Tensor
    reward: tf.Tensor | float = 0.0


class StepAlgorithm(Protocol):
    """The methods of a search algorithm that the training steps of a supernet call.

    Every random draw is a function of alpha, the seed and the number of steps made, so replicas
    make the same draws.

    Attributes:
        variables: state that checkpoints keep, by name.
        learns_alpha: whether there are architecture steps. Without them, no validation images are
            loaded, and `architecture_gradient`, `observe` and `finish` are not called.
        is_rewarded: whether networks have a reward; if so, it is a metric of every epoch.
    """

    variables: Mapping[str, tf.Variable]
    learns_alpha: bool
    is_rewarded: bool

    def weight_route(self, supernet: "LearningNetwork", seed: tf.Tensor) -> routes.Route:
        """Returns the route of a weight step through the slots."""

    def architecture_gradient(
        self, supernet: "LearningNetwork", images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Returns the gradient of the objective with respect to alpha on one validation batch.

        It only reads weights, moving moments and `variables`, and may be called inside a branch.
        Gradients of a tape must be taken by `supernet.loss_scale.gradient`. Every value that comes
        from images must be averaged by `replicas.mean` before anything depends on it, so that
        replicas agree on the result.
        """

    def observe(self, found: ArchitectureGradient) -> None:
        """Updates `variables` after a step along the gradient `found`."""

    def finish(
        self, supernet: "LearningNetwork", before: tf.Tensor, after: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """Returns the final alpha, given alpha before and after the update by the optimizer.

        Args:
            supernet: the supernet; its `alpha` may still be `before`, or already `after`.
            before: `[rows, options]`.
            after: `[rows, options]`.
            seed: the seed that `architecture_gradient` received.
        """


class LearningNetwork(mixed_network.MixedNetwork):
    """A mixed network with everything that its training steps need.

    Args:
        space: the search space.
        seed: seed of the fresh weights and of every sampled path.
        precision: as for `MixedNetwork`.
        sync_batch_norm: as for `MixedNetwork`.
        pretrained: as for `MixedNetwork`.

    Attributes:
        loss_scale: the loss scale of both losses.
        seed: as given.
        trackers: means over an epoch, by their names in logs.
        class_weights: weight of each class in losses and accuracies, float32 `[classes]`; None if
            all images count alike.
        algorithm, objective, latencies, path_optimizer, arch_optimizer: set by `Supernet.compile`.
    """

    algorithm: StepAlgorithm
    objective: Objective
    latencies: ChainCosts
    path_optimizer: PathOptimizer
    arch_optimizer: keras.optimizers.Optimizer

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        precision: str = "float32",
        sync_batch_norm: bool = True,
        pretrained: Seed | None = None,
    ) -> None:
        super().__init__(space, seed, precision, sync_batch_norm, pretrained)
        self.loss_scale = loss_scale.for_precision(precision)
        self.seed = seed
        self.class_weights: np.ndarray | None = None
        self.trackers = {
            name: keras.metrics.Mean(name)
            for name in ("loss", "accuracy", "validation_loss", "validation_accuracy")
        }

    def cross_entropy(
        self, labels: tf.Tensor, logits: tf.Tensor, label_smoothing: float = 0.0
    ) -> tf.Tensor:
        """Returns the mean cross-entropy of `labels` `[batch]` and `logits` `[batch, classes]`."""
        targets = tf.one_hot(labels, self.space.num_classes)
        targets = targets * (1.0 - label_smoothing) + label_smoothing / self.space.num_classes
        losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        if self.class_weights is not None:
            losses *= self._weights_of(labels)
        return tf.reduce_mean(losses)

    def accuracy(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the fraction of `logits` `[batch, classes]` whose largest entry is the label.

        With class weights, images count by them; this estimates the balanced accuracy.
        """
        predicted = tf.argmax(logits, axis=1, output_type=labels.dtype)
        correct = tf.cast(tf.equal(predicted, labels), tf.float32)
        if self.class_weights is None:
            return tf.reduce_mean(correct)
        weights = self._weights_of(labels)
        return tf.reduce_sum(weights * correct) / tf.reduce_sum(weights)

    def _weights_of(self, labels: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.constant(self.class_weights, tf.float32), labels)

    def gradient_weights(
        self, cross_entropy: tf.Tensor, alpha: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the weights (w_ce, w_latency per millisecond) of this architecture step."""
        expected_ms = self.latencies.expected(sampling.path_probabilities(alpha, self.mask))
        return self.objective.gradient_weights(cross_entropy, expected_ms)

    def architecture_state(self) -> dict[str, tf.Tensor]:
        """Returns the expected cost, that of the most probable child, and mean entropy in nats."""
        alpha = self.alpha.value
        expected = self.latencies.expected(sampling.path_probabilities(alpha, self.mask))
        quantity = self.latencies.quantity
        return {
            f"expected_{quantity}": expected,
            f"most_probable_{quantity}": self.latencies.most_probable(alpha, self.mask),
            "entropy": sampling.entropy(alpha, self.mask),
        }
