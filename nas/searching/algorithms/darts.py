"""DARTS, the first-order form (Liu, Simonyan & Yang, ICLR 2019), which ProxylessNAS argues against.

The output of every slot is sum_j p_j o_j(x) with p = softmax(alpha), in weight steps and in
architecture steps, so the activations of all candidates are computed and stored. The gradient of
alpha is that of

    w_ce CE + w_latency E[latency]

by automatic differentiation with respect to p, and from p to alpha by the softmax's Jacobian.
"""

import tensorflow as tf

from nas.choices import sampling
from nas.searching.algorithms import gate_gradient
from nas.searching.algorithms.protocol import SupernetAlgorithm
from nas.supernet import routes
from nas.supernet.learning_network import ArchitectureGradient
from nas.supernet.supernet import Supernet


class Darts(SupernetAlgorithm):
    """First-order DARTS: the softmax mixture of all candidates.

    Outputs of different widths or resolutions cannot be added, so it refuses spaces with these.
    """

    decisions = frozenset(["operations"])
    trains_paths = False

    def weight_route(self, supernet: Supernet, seed: tf.Tensor) -> routes.Route:
        """Returns the mixture of all candidates, weighted by their probabilities."""
        del seed
        return routes.Mixture(sampling.path_probabilities(supernet.alpha.value, supernet.mask))

    def architecture_gradient(
        self, supernet: Supernet, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Computes alpha's gradient by one forward and one backward pass through the mixture."""
        del seed
        p = sampling.path_probabilities(supernet.alpha.value, supernet.mask)
        found = gate_gradient.evaluate_gates(supernet, images, labels, p, routes.Mixture)
        return gate_gradient.over_all_candidates(supernet, found)
