"""What every objective offers to the supernet's training step."""

from typing import Protocol

import tensorflow as tf


class Objective(Protocol):
    """Weights of the two gradients, a move of alpha, and whatever state both need."""

    variables: dict[str, tf.Variable] = {}

    def gradient_weights(
        self, cross_entropy: tf.Tensor, expected_ms: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(w_ce, w_latency per millisecond) for this architecture step; writes nothing."""

    def move(self, alpha: tf.Tensor) -> tf.Tensor:
        """Alpha `[slots, candidates]` once the optimizer stepped it; may write `variables`."""
        return alpha


class CrossEntropy(Objective):
    """Accuracy alone."""

    def gradient_weights(self, cross_entropy, expected_ms):
        """(1, 0)."""
        del cross_entropy, expected_ms
        return tf.constant(1.0), tf.constant(0.0)
