"""What the gradient algorithms share: one look at a validation batch, and the step to alpha.

With gates g, dCE/dg_j = sum(dCE/dm * o_j(x)); together with the latencies F and through the softmax

    dL/dalpha_i = sum_j (w_ce dCE/dg_j + w_latency F_j) p_j (delta_ij - p_i)
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from nas.choices import sampling
from nas.distribution import replicas
from nas.supernet import gates
from nas.supernet.learning_network import ArchitectureGradient
from nas.supernet.routes import Route
from nas.supernet.supernet import Supernet


class Look(NamedTuple):
    """Result of one forward and one backward.

    Attributes:
        by_gate: dCE/dg, in the shape of the gates.
        cross_entropy: scalar, mean over the batch.
        accuracy: scalar, in [0, 1].
    """

    by_gate: tf.Tensor
    cross_entropy: tf.Tensor
    accuracy: tf.Tensor


def look(
    supernet: Supernet,
    images: tf.Tensor,
    labels: tf.Tensor,
    gate_values: tf.Tensor,
    route_of: Callable[[tf.Tensor], Route],
) -> Look:
    """Runs a validation batch along `route_of(gate_values)`; weights are read only.

    Args:
        supernet: the supernet.
        images: `[batch, height, width, channels]`.
        labels: `[batch]`.
        gate_values: `[slots, n]`, float32.
        route_of: how the gates form each slot's output.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(gate_values)
        logits = supernet.logits(images, route_of(gate_values), training=True)
        cross_entropy = supernet.cross_entropy(labels, logits)
    by_gate = supernet.loss_scale.gradient(tape, cross_entropy, gate_values)
    return Look(*replicas.mean((by_gate, cross_entropy, supernet.accuracy(labels, logits))))


def over_all_candidates(supernet: Supernet, found: Look) -> ArchitectureGradient:
    """The gradient of alpha from every candidate's gate, `found.by_gate` `[slots, candidates]`."""
    alpha = tf.convert_to_tensor(supernet.alpha.value)
    weights = supernet.gradient_weights(found.cross_entropy, alpha)
    matrix = tf.constant(supernet.latencies.matrix, tf.float32)
    combined = weights[0] * found.by_gate + weights[1] * matrix
    p = sampling.path_probabilities(alpha, supernet.mask)
    gradient = gates.softmax_gradient(combined, p)
    return ArchitectureGradient(gradient, found.cross_entropy, found.accuracy)
