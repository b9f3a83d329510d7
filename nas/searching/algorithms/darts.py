"""DARTS, the first-order form (Liu, Simonyan & Yang, ICLR 2019), which ProxylessNAS argues against.

Every slot puts out sum_j p_j o_j(x) with p = softmax(alpha), in weight steps and in architecture
steps, so every candidate is computed and kept. alpha's gradient is that of

    w_ce CE + w_latency E[latency]

by automatic differentiation up to p, and from there to alpha by hand.
"""

import tensorflow as tf

from nas.choices import sampling
from nas.searching.algorithms import gate_gradient
from nas.searching.algorithms.protocol import SupernetAlgorithm
from nas.supernet import routes
from nas.supernet.learning_network import ArchitectureGradient
from nas.supernet.supernet import Supernet


class Darts(SupernetAlgorithm):
    """The softmax mixture."""

    def weight_route(self, supernet: Supernet, seed: tf.Tensor) -> routes.Route:
        """All candidates, weighted by their probabilities."""
        del seed
        return routes.Mixture(sampling.path_probabilities(supernet.alpha.value, supernet.mask))

    def architecture_gradient(
        self, supernet: Supernet, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """One forward and one backward through the mixture."""
        del seed
        p = sampling.path_probabilities(supernet.alpha.value, supernet.mask)
        found = gate_gradient.look(supernet, images, labels, p, routes.Mixture)
        return gate_gradient.over_all_candidates(supernet, found)
