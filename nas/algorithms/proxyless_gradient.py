"""ProxylessNAS, gradient form with two paths (Cai, Zhu & Han, ICLR 2019, sections 3.2 and 3.3).

Weight step: one path drawn from p. Architecture step: two candidates a slot are drawn without
replacement, q is softmax of their two alphas, the active one is drawn from q. Both are computed,
the active one's output goes on, and

    dL/dalpha_i = sum_j (w_ce dCE/dg_j + w_latency F_j) q_j (delta_ij - q_i)

over the pair, where dCE/dg_j = sum(dCE/dm * o_j(x)). After the optimizer's update the pair is
shifted so that every other candidate keeps its probability, which needs an optimizer that leaves
a zero gradient's parameter alone: Adam with beta_1 = 0.
"""

from typing import TYPE_CHECKING

import tensorflow as tf

from nas import gates
from nas.algorithms.protocol import ArchitectureGradient

if TYPE_CHECKING:
    from nas.supernet import Supernet


class ProxylessGradient:
    """The two-path form."""

    def sample_path(self, supernet: "Supernet", seed: tf.Tensor) -> tf.Tensor:
        """One candidate a slot, drawn from p."""
        return gates.sample_path(supernet.alpha.value, supernet.mask, seed)

    def architecture_gradient(
        self, supernet: "Supernet", images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Two forwards, one backward through the active path's activations."""
        alpha = tf.convert_to_tensor(supernet.alpha.value)
        pair = gates.sample_two_paths(alpha, supernet.mask, seed)
        values = tf.one_hot(tf.zeros_like(pair.choices[:, 0]), 2)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            logits = supernet.gated_logits(images, pair.choices, values)
            cross_entropy = supernet.cross_entropy(labels, logits)
        gate_gradients = tape.gradient(cross_entropy, values)
        gradient = self._alpha_gradient(supernet, pair, gate_gradients, cross_entropy, alpha)

        def finish(before: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
            return gates.rescale_pair(before, after, pair.choices)

        return ArchitectureGradient(
            gradient, cross_entropy, supernet.accuracy(labels, logits), finish
        )

    def _alpha_gradient(self, supernet, pair, gate_gradients, cross_entropy, alpha):
        latencies = supernet.latencies
        expected_ms = latencies.expected(gates.path_probabilities(alpha, supernet.mask))
        weights = supernet.objective.gradient_weights(cross_entropy, expected_ms)
        pair_ms = tf.gather(tf.constant(latencies.matrix, tf.float32), pair.choices, batch_dims=1)
        combined = weights[0] * gate_gradients + weights[1] * pair_ms
        over_pair = gates.softmax_gradient(combined, pair.probabilities)
        return gates.scatter_pair(over_pair, pair.choices, alpha.shape[1])
