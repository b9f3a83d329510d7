"""ProxylessNAS, gradient form (Cai, Zhu & Han, ICLR 2019, sections 3.2 and 3.3).

Weight step: one path drawn from p = softmax(alpha). Architecture step:

    dL/dalpha_i = sum_j (w_ce dCE/dg_j + w_latency F_j) p_j (delta_ij - p_i)

with dCE/dg_j = sum(dCE/dm * o_j(x)) in a network whose active candidates were sampled, and
F_j = dE[latency]/dp_j.

A width has gates as a candidate has; `nas/supernet/candidates/width_choices.py` says how its
channels are masked. For the resolution, the loss itself stands for dCE/dg_j
(`gate_gradient.with_resolutions`).

Two paths: for each decision two options are drawn without replacement. q is the softmax of their
two alphas, the active one is drawn from q, and the formula is applied to the pair with q in place
of p. After the optimizer's update the pair's alphas are shifted so that every other option keeps
its probability. This needs an optimizer that does not change a parameter whose gradient is zero:
Adam with beta_1 = 0.

Full: one path is drawn from p, and the formula is applied to all options. Candidates are computed
again one at a time, and widths at the largest. This is exact and needs no more memory than one
path; its time grows with the number of candidates.
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
    """The two-path form: the gradient of two options per decision."""

    def architecture_gradient(
        self, supernet: Supernet, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Computes alpha's gradient from a sampled pair of options per decision.

        It runs both paths forward, and backward only through the activations of the active path.
        """
        alpha = tf.convert_to_tensor(supernet.alpha.value)
        pair = sampling.sample_two_paths(alpha, supernet.mask, seed)
        values = tf.one_hot(tf.zeros_like(pair.choices[:, 0]), 2)
        route_of = functools.partial(routes.TwoPaths, pair.choices)
        found = gate_gradient.evaluate_gates(supernet, images, labels, values, route_of)
        found = gate_gradient.with_resolutions(
            supernet, images, labels, found, pair.choices[:, 0], pair.choices[-1]
        )
        weights = supernet.gradient_weights(found.cross_entropy, alpha)
        by_probability = supernet.latencies.gradient(
            sampling.path_probabilities(alpha, supernet.mask)
        )
        pair_ms = tf.gather(by_probability, pair.choices, batch_dims=1)
        combined = weights[0] * found.by_gate + weights[1] * pair_ms
        over_pair = gates.softmax_gradient(combined, pair.probabilities)
        gradient = gates.scatter_pair(over_pair, pair.choices, alpha.shape[1])
        return ArchitectureGradient(gradient, found.cross_entropy, found.accuracy)

    def finish(self, supernet, before, after, seed):
        """Shifts the pair's alphas so that every other candidate keeps its probability."""
        pair = sampling.sample_two_paths(before, supernet.mask, seed)
        return gates.rescale_pair(before, after, pair.choices)


class FullGradient(SupernetAlgorithm):
    """The exact form: the gradient of all candidates."""

    def architecture_gradient(
        self, supernet: Supernet, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Computes alpha's gradient by one forward, one backward, and every candidate once more."""
        choices = sampling.sample_path(supernet.alpha.value, supernet.mask, seed)
        values = tf.one_hot(choices, supernet.alpha.shape[1])
        route_of = functools.partial(routes.AllGates, choices)
        found = gate_gradient.evaluate_gates(supernet, images, labels, values, route_of)
        every = tf.range(len(supernet.space.resolutions))
        found = gate_gradient.with_resolutions(supernet, images, labels, found, choices, every)
        return gate_gradient.over_all_candidates(supernet, found)
