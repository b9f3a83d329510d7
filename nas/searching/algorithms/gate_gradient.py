"""Functions shared by the gradient algorithms: the gradient of the gates, and that of alpha.

For gates g, dCE/dg_j = sum(dCE/dm * o_j(x)). With F_j = dE[latency]/dp_j, the gradient through
the softmax is

    dL/dalpha_i = sum_j (w_ce dCE/dg_j + w_latency F_j) p_j (delta_ij - p_i)
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from nas.choices import sampling
from nas.distribution import replicas
from nas.supernet import gates
from nas.supernet.learning_network import ArchitectureGradient
from nas.supernet.routes import Path, Route
from nas.supernet.supernet import Supernet


class GateEvaluation(NamedTuple):
    """Result of one forward and one backward pass on a validation batch.

    Attributes:
        by_gate: dCE/dg, with the shape of the gates.
        cross_entropy: scalar, mean over the batch.
        accuracy: scalar, in [0, 1].
    """

    by_gate: tf.Tensor
    cross_entropy: tf.Tensor
    accuracy: tf.Tensor


def evaluate_gates(
    supernet: Supernet,
    images: tf.Tensor,
    labels: tf.Tensor,
    gate_values: tf.Tensor,
    route_of: Callable[[tf.Tensor], Route],
) -> GateEvaluation:
    """Computes the loss of a validation batch and its gradient by the gates; changes no weights.

    Args:
        supernet: the supernet.
        images: `[batch, height, width, channels]`.
        labels: `[batch]`.
        gate_values: `[rows, n]`, float32.
        route_of: given the gates, returns the route.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(gate_values)
        logits = supernet.logits(images, route_of(gate_values), training=True)
        cross_entropy = supernet.cross_entropy(labels, logits)
    by_gate = supernet.loss_scale.gradient(tape, cross_entropy, gate_values)
    means = replicas.mean((by_gate, cross_entropy, supernet.accuracy(labels, logits)))
    return GateEvaluation(*means)


def with_resolutions(
    supernet: Supernet,
    images: tf.Tensor,
    labels: tf.Tensor,
    found: GateEvaluation,
    choices: tf.Tensor,
    compared: tf.Tensor,
) -> GateEvaluation:
    """Adds the gates of the resolution, if it is a decision.

    A resolution has no tensor of its own that a gate could multiply. Instead the network is run at
    every compared resolution, forward only, and the loss itself takes the place of the gradient:
    for p over the compared ones, sum_j CE_j dp_j / dalpha is the exact gradient of the expected
    loss.

    Args:
        supernet: the supernet.
        images: `[batch, height, width, channels]`.
        labels: `[batch]`.
        found: the other gates; its row of the resolution is replaced.
        choices: `[rows]`, the sampled options.
        compared: `[n]`, the options of the resolution that have a gate; n at most the columns.
    """
    row = supernet.space.resolution_row
    if row is None:
        return found

    def loss_at(option: tf.Tensor) -> tf.Tensor:
        path = tf.concat([choices[:row], [option]], axis=0)
        return supernet.cross_entropy(labels, supernet.logits(images, Path(path), training=True))

    losses = tf.stack(replicas.mean([loss_at(option) for option in tf.unstack(compared)]))
    losses = tf.pad(losses, [[0, found.by_gate.shape[1] - compared.shape[0]]])
    return found._replace(by_gate=tf.concat([found.by_gate[:row], losses[None]], axis=0))


def over_all_candidates(supernet: Supernet, found: GateEvaluation) -> ArchitectureGradient:
    """Returns the gradient of alpha if `found.by_gate` is `[rows, options]`: all gates."""
    alpha = tf.convert_to_tensor(supernet.alpha.value)
    weights = supernet.gradient_weights(found.cross_entropy, alpha)
    p = sampling.path_probabilities(alpha, supernet.mask)
    combined = weights[0] * found.by_gate + weights[1] * supernet.latencies.gradient(p)
    gradient = gates.softmax_gradient(combined, p)
    return ArchitectureGradient(gradient, found.cross_entropy, found.accuracy)
