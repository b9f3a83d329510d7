"""Costs of the candidates: milliseconds for each, and a constant for the fixed layers.

Costs add up over the slots, so E[latency] = constant + sum_i sum_j p_ij F_ij and dE/dp_ij = F_ij
exactly (Cai et al. 2019, equation 6).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf


class Latencies:
    """Predicted latency of every candidate, or another cost that adds up over the slots.

    Args:
        slots: for each slot a vector of milliseconds; slots may differ in length.
        constant_ms: latency of the fixed layers.
        quantity: the cost, with its unit: `latency_ms`, `macs`, `params` or `bytes`. With the last
            three, every value named `_ms` here is in that unit.

    Example:
        >>> import latency_models, nas
        >>> latencies = nas.Latencies([[1.0, 3.0], [2.0, 2.5, 0.0]], constant_ms=4.0)
        >>> latencies.fastest_ms, latencies.slowest_ms, latencies.of([1, 0])
        (5.0, 9.5, 9.0)
        >>> space = nas.load_space("proxyless_imagenet")
        >>> pixel = nas.Latencies(*latency_models.load("pixel1").slot_latencies(space))
        >>> round(pixel.fastest_ms), round(pixel.slowest_ms)
        (30, 191)
    """

    def __init__(
        self, slots: Sequence[np.ndarray], constant_ms: float, quantity: str = "latency_ms"
    ) -> None:
        self.quantity = quantity
        most = max(len(slot) for slot in slots)
        self.slots = [np.asarray(slot, np.float64) for slot in slots]
        self.constant_ms = float(constant_ms)
        self.matrix = np.stack([np.pad(slot, (0, most - len(slot))) for slot in self.slots])
        if not np.isfinite(self.matrix).all():
            raise ValueError("latencies: expected finite milliseconds, received NaN or infinity")

    @classmethod
    def zero(cls, num_candidates: Sequence[int]) -> "Latencies":
        """Returns latencies that are all zero, for a search without a target."""
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
        """Returns the latency at a fraction of the range from fastest to slowest child, in ms."""
        span = self.slowest_ms - self.fastest_ms
        # Rounding must not push the extremes out of the range.
        return min(self.fastest_ms + fraction * span, self.slowest_ms)

    def of(self, choices: Sequence[int]) -> float:
        """Returns the latency of one child, in milliseconds."""
        chosen = zip(self.slots, choices, strict=True)
        return self.constant_ms + sum(float(slot[choice]) for slot, choice in chosen)

    def to_dict(self) -> dict[str, Any]:
        """Returns the latencies as JSON values."""
        slots = [slot.tolist() for slot in self.slots]
        return {"quantity": self.quantity, "slots_ms": slots, "constant_ms": self.constant_ms}

    def expected(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Returns E[latency] in milliseconds for probabilities `[slots, candidates]`."""
        matrix = tf.constant(self.matrix, tf.float32)
        return tf.reduce_sum(probabilities * matrix) + tf.cast(self.constant_ms, tf.float32)

    def most_probable(self, alpha: tf.Tensor, mask: np.ndarray) -> tf.Tensor:
        """Returns the latency in milliseconds of the child with the largest alpha in every slot.

        Args:
            alpha: `[slots, candidates]`.
            mask: the same shape, true where a candidate exists.
        """
        best = tf.argmax(tf.where(mask, alpha, -np.inf), axis=1, output_type=tf.int32)
        chosen = tf.gather(tf.constant(self.matrix, tf.float32), best, batch_dims=1)
        return tf.reduce_sum(chosen) + tf.cast(self.constant_ms, tf.float32)

    @property
    def unit(self) -> str:
        """The unit of the costs: `ms`, `macs`, `params` or `bytes`."""
        return self.quantity.removeprefix("latency_")

    def check_target(self, target_ms: float) -> None:
        """Raises ValueError for a target outside of the reachable range; the message gives it."""
        # Rounding may move an end of the range outside if it was computed as a fraction.
        slack_ms = 1e-9 * self.slowest_ms
        if not self.fastest_ms <= target_ms <= self.slowest_ms + slack_ms:
            kind = "latency" if self.unit == "ms" else self.unit
            ends = ("fastest", "slowest") if self.unit == "ms" else ("least", "most expensive")
            raise ValueError(
                f"target {kind}: expected between {self.fastest_ms:.4g} and "
                f"{self.slowest_ms:.4g} {self.unit}, the {ends[0]} and {ends[1]} child of this "
                f"space; received {target_ms:.4g} {self.unit}"
            )
