"""The interface of objectives to the supernet's training step."""

from typing import Protocol

import tensorflow as tf


class Objective(Protocol):
    """Weights of the two gradients, a change of alpha after each step, and the state of both."""

    variables: dict[str, tf.Variable] = {}

    def gradient_weights(
        self, cross_entropy: tf.Tensor, expected_ms: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns (w_ce, w_latency per millisecond) of an architecture step; writes no state."""

    def move(self, alpha: tf.Tensor) -> tf.Tensor:
        """Changes alpha `[rows, options]` after the optimizer's step; may write `variables`."""
        return alpha


class CrossEntropy(Objective):
    """The objective of a search for accuracy alone."""

    def gradient_weights(self, cross_entropy, expected_ms):
        """Returns (1, 0)."""
        del cross_entropy, expected_ms
        return tf.constant(1.0), tf.constant(0.0)
