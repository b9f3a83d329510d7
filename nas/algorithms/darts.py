"""DARTS, the first-order form (Liu, Simonyan & Yang, ICLR 2019), which ProxylessNAS argues against.

Every slot puts out sum_j p_j o_j(x) with p = softmax(alpha), in weight steps and in architecture
steps, so every candidate is computed and kept. alpha's gradient is that of

    w_ce CE + w_latency E[latency]

by automatic differentiation through the mixture.
"""

from typing import TYPE_CHECKING

import tensorflow as tf

from nas import gates, routes
from nas.algorithms.protocol import Algorithm, ArchitectureGradient

if TYPE_CHECKING:
    from nas.supernet import Supernet


class Darts(Algorithm):
    """The softmax mixture."""

    def weight_route(self, supernet: "Supernet", seed: tf.Tensor) -> routes.Route:
        """All candidates, weighted by their probabilities."""
        del seed
        return routes.Mixture(gates.path_probabilities(supernet.alpha.value, supernet.mask))

    def architecture_gradient(
        self, supernet: "Supernet", images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """One forward and one backward through the mixture."""
        del seed
        alpha = tf.convert_to_tensor(supernet.alpha.value)
        p = gates.path_probabilities(alpha, supernet.mask)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(p)
            logits = supernet.logits(images, routes.Mixture(p), training=True)
            cross_entropy = supernet.cross_entropy(labels, logits)
        weights = supernet.gradient_weights(cross_entropy, alpha)
        matrix = tf.constant(supernet.latencies.matrix, tf.float32)
        to_p = supernet.loss_scale.gradient(tape, cross_entropy, p)
        combined = weights[0] * to_p + weights[1] * matrix
        gradient = gates.softmax_gradient(combined, p)
        accuracy = supernet.accuracy(labels, logits)
        return ArchitectureGradient(gradient, cross_entropy, accuracy, tf.constant(0.0))
