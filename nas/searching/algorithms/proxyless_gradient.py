"""ProxylessNAS, gradient form (Cai, Zhu & Han, ICLR 2019, sections 3.2 and 3.3).

Weight step: one path drawn from p = softmax(alpha). Architecture step:

    dL/dalpha_i = sum_j (w_ce dCE/dg_j + w_latency F_j) p_j (delta_ij - p_i)

with dCE/dg_j = sum(dCE/dm * o_j(x)) in a network whose active candidates were sampled.

Two paths: two candidates a slot are drawn without replacement, q is softmax of their two alphas,
the active one is drawn from q, and the formula runs over the pair with q for p. After the
optimizer's update the pair is shifted so that every other candidate keeps its probability, which
needs an optimizer that leaves a zero gradient's parameter alone: Adam with beta_1 = 0.

Full: one path is drawn from p and the formula runs over all candidates, which are computed again
one at a time. As slow as their number, exact, and no more memory than a path.
"""

import functools

import tensorflow as tf

from nas.choices import sampling
from nas.searching.algorithms import gate_gradient
from nas.searching.algorithms.protocol import SupernetAlgorithm
from nas.supernet import gates, routes
from nas.supernet.learning_network import ArchitectureGradient
from nas.supernet.supernet import Supernet


class TwoPathGradient(SupernetAlgorithm):
    """The two-path form."""

    def architecture_gradient(
        self, supernet: Supernet, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Two forwards, one backward through the active path's activations."""
        alpha = tf.convert_to_tensor(supernet.alpha.value)
        pair = sampling.sample_two_paths(alpha, supernet.mask, seed)
        values = tf.one_hot(tf.zeros_like(pair.choices[:, 0]), 2)
        route_of = functools.partial(routes.TwoPaths, pair.choices)
        found = gate_gradient.look(supernet, images, labels, values, route_of)
        weights = supernet.gradient_weights(found.cross_entropy, alpha)
        matrix = tf.constant(supernet.latencies.matrix, tf.float32)
        pair_ms = tf.gather(matrix, pair.choices, batch_dims=1)
        combined = weights[0] * found.by_gate + weights[1] * pair_ms
        over_pair = gates.softmax_gradient(combined, pair.probabilities)
        gradient = gates.scatter_pair(over_pair, pair.choices, alpha.shape[1])
        return ArchitectureGradient(gradient, found.cross_entropy, found.accuracy)

    def finish(self, supernet, before, after, seed):
        """Every candidate outside the pair keeps its probability."""
        pair = sampling.sample_two_paths(before, supernet.mask, seed)
        return gates.rescale_pair(before, after, pair.choices)


class FullGradient(SupernetAlgorithm):
    """The exact form: all gates."""

    def architecture_gradient(
        self, supernet: Supernet, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """One forward, one backward, and every candidate once more."""
        choices = sampling.sample_path(supernet.alpha.value, supernet.mask, seed)
        values = tf.one_hot(choices, supernet.alpha.shape[1])
        route_of = functools.partial(routes.AllGates, choices)
        found = gate_gradient.look(supernet, images, labels, values, route_of)
        return gate_gradient.over_all_candidates(supernet, found)
