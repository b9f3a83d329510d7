"""What the architecture parameters minimise: cross-entropy and expected latency.

Latency enters as plain numbers, milliseconds for every candidate of every slot and a constant for
the fixed parts, so that E[latency] = constant + sum_i sum_j p_ij F_ij and dE/dp_ij = F_ij exactly
(Cai et al. 2019, equation 6). An objective turns the two quantities into the weights of their
gradients; with w_ce and w_latency, dL/dp = w_ce * dCE/dp + w_latency * F.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf


class Latencies:
    """Predicted latency of every candidate.

    Args:
        slots: one vector of milliseconds a slot, ragged.
        constant_ms: latency of everything that is not chosen.
    """

    def __init__(self, slots: Sequence[np.ndarray], constant_ms: float) -> None:
        most = max(len(slot) for slot in slots)
        self.slots = [np.asarray(slot, np.float64) for slot in slots]
        self.constant_ms = float(constant_ms)
        self.matrix = np.stack([np.pad(slot, (0, most - len(slot))) for slot in self.slots])
        if not np.isfinite(self.matrix).all():
            raise ValueError("latencies: expected finite milliseconds, received NaN or infinity")

    @classmethod
    def zero(cls, num_candidates: Sequence[int]) -> "Latencies":
        """No latency at all, for a search without a target."""
        return cls([np.zeros(n) for n in num_candidates], 0.0)

    @property
    def fastest_ms(self) -> float:
        """Latency of the fastest child."""
        return self.constant_ms + sum(float(slot.min()) for slot in self.slots)

    @property
    def slowest_ms(self) -> float:
        """Latency of the slowest child."""
        return self.constant_ms + sum(float(slot.max()) for slot in self.slots)

    def at(self, fraction: float) -> float:
        """The latency `fraction` of the way from the fastest child to the slowest, in ms."""
        span = self.slowest_ms - self.fastest_ms
        # Rounding must not push the extremes out of the range.
        return min(self.fastest_ms + fraction * span, self.slowest_ms)

    def of(self, choices: Sequence[int]) -> float:
        """Latency of one child, in milliseconds."""
        chosen = zip(self.slots, choices, strict=True)
        return self.constant_ms + sum(float(slot[choice]) for slot, choice in chosen)

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        slots = [slot.tolist() for slot in self.slots]
        return {"slots_ms": slots, "constant_ms": self.constant_ms}

    def expected(self, probabilities: tf.Tensor) -> tf.Tensor:
        """E[latency] in milliseconds, for probabilities `[slots, candidates]`."""
        matrix = tf.constant(self.matrix, tf.float32)
        return tf.reduce_sum(probabilities * matrix) + tf.cast(self.constant_ms, tf.float32)

    def check_target(self, target_ms: float) -> None:
        """Raises ValueError, naming the reachable range, for a target outside of it."""
        # The range's own ends, when computed as a fraction of it, may be off by rounding.
        slack_ms = 1e-9 * self.slowest_ms
        if not self.fastest_ms <= target_ms <= self.slowest_ms + slack_ms:
            raise ValueError(
                f"target latency: expected between {self.fastest_ms:.4g} and "
                f"{self.slowest_ms:.4g} ms, the fastest and slowest child of this space; "
                f"received {target_ms:.4g} ms"
            )


class Objective(Protocol):
    """Weights of the two gradients, and whatever state they need."""

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """State to be kept in checkpoints."""

    def gradient_weights(
        self, cross_entropy: tf.Tensor, expected_ms: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(w_ce, w_latency per millisecond) for this architecture step."""


class CrossEntropy:
    """Accuracy alone."""

    variables: dict[str, tf.Variable] = {}

    def gradient_weights(self, cross_entropy, expected_ms):
        """(1, 0)."""
        del cross_entropy, expected_ms
        return tf.constant(1.0), tf.constant(0.0)


class TargetLatency:
    """Cross-entropy under the constraint E[latency] = target.

    The Lagrangian CE + multiplier * (E / target - 1), its multiplier driven by the relative
    excess e = E / target - 1 as a proportional-integral controller drives it: integral += gain * e
    every step, multiplier = integral + proportional * e. The multiplier may turn negative, so the
    target is reached from below too.

    Args:
        target_ms: where E[latency] is to settle.
        integral_gain: growth of the multiplier per step and unit of relative excess.
        proportional_gain: immediate response to the excess; damps the integral's oscillation.
    """

    def __init__(
        self, target_ms: float, integral_gain: float = 0.02, proportional_gain: float = 1.0
    ) -> None:
        self.target_ms = target_ms
        self._integral_gain = integral_gain
        self._proportional_gain = proportional_gain
        self._integral = tf.Variable(0.0, trainable=False, name="latency_multiplier")

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """The integral."""
        return {"latency_multiplier": self._integral}

    def gradient_weights(self, cross_entropy, expected_ms):
        """(1, multiplier / target); moves the multiplier on."""
        del cross_entropy
        excess = expected_ms / self.target_ms - 1.0
        integral = self._integral.assign_add(self._integral_gain * excess)
        multiplier = integral + self._proportional_gain * excess
        return tf.constant(1.0), multiplier / self.target_ms
