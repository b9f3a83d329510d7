"""Expected latency as a penalty, in the two forms of the reference code.

Both trade accuracy for latency at a rate that is set before the search, and keep lowering latency
below the reference. The latency of the child is known only after the search.
"""

import math

import tensorflow as tf

from nas.choices.chain_costs import ChainCosts
from nas.objectives.protocol import Objective


class AddLinear(Objective):
    """CE + strength (E - reference) / reference.

    Args:
        reference_ms: latency at which the penalty is zero.
        strength: l.
    """

    def __init__(self, reference_ms: float, strength: float = 0.1) -> None:
        self._reference_ms = reference_ms
        self._strength = strength

    def gradient_weights(self, cross_entropy, expected_ms):
        """Returns (1, l / reference)."""
        del cross_entropy, expected_ms
        return tf.constant(1.0), tf.constant(self._strength / self._reference_ms)


class MulLog(Objective):
    """scale CE (log E / log reference)^exponent.

    Args:
        latencies: costs of the networks.
        reference_ms: latency at which the factor of the cross-entropy is `scale`.
        scale: a.
        exponent: b.

    Raises:
        ValueError: the fastest child takes a millisecond or less, where the logarithm changes sign.
    """

    def __init__(
        self, latencies: ChainCosts, reference_ms: float, scale: float = 0.2, exponent: float = 0.3
    ) -> None:
        if latencies.fastest_ms <= 1.0:
            raise ValueError(
                f"objective mul_log: expected every child above 1 {latencies.unit}, since it "
                f"divides logarithms; received {latencies.fastest_ms:.4g} for the fastest; use "
                "target or add_linear"
            )
        self._log_reference = math.log(reference_ms)
        self._scale = scale
        self._exponent = exponent

    def gradient_weights(self, cross_entropy, expected_ms):
        """Returns (f, CE f b / (E log E)) with f = a (log E / log reference)^b."""
        log_expected = tf.math.log(expected_ms)
        factor = self._scale * tf.pow(log_expected / self._log_reference, self._exponent)
        by_latency = cross_entropy * factor * self._exponent / (expected_ms * log_expected)
        return factor, by_latency
