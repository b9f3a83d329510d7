"""Costs of all networks of a space, as a chain of layers."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from nas.choices import chain_sweep, layer_costs
from nas.choices.cost_terms import CostTerms
from nas.choices.layer_costs import LayerCosts


class ChainCosts:
    """Predicted latency of every network of a space, or another cost that adds up over its layers.

    The cost of a layer may depend on its operation, on the widths on both of its sides and on the
    resolution. Each of these is a row of alpha if it is a decision: first one row for the
    operations of every slot, then one for every width, then at most one for the resolution. Rows
    may differ in their number of options; arrays `[rows, options]` are padded on the right.

    Args:
        layers: the layers in the order in which a network computes them.
        resolution: row of the resolution; None if it is fixed.
        quantity: the cost, with its unit: `latency_ms`, `macs`, `params` or `bytes`. With the last
            three, every value named `_ms` here is in that unit.

    Attributes:
        layers: as given.
        resolution: as given.
        quantity: as given.
        counts: number of options of every row.
        steps: the layers as steps of a sweep.

    Raises:
        ValueError: as in `layer_costs.counts_of`.
    """

    def __init__(
        self,
        layers: Sequence[LayerCosts],
        resolution: int | None = None,
        quantity: str = "latency_ms",
    ) -> None:
        self.layers = tuple(layers)
        self.resolution = resolution
        self.quantity = quantity
        self.counts = layer_costs.counts_of(self.layers, resolution)
        self.steps = chain_sweep.steps_of(self.layers, resolution, self.counts)
        self._terms = CostTerms(self.layers, resolution, self.counts)

    @property
    def mask(self) -> np.ndarray:
        """`[rows, most options]` bool, true where an option exists."""
        counts = np.array(self.counts)
        return np.arange(counts.max()) < counts[:, None]

    @functools.cached_property
    def fastest_ms(self) -> float:
        """Latency of the fastest child."""
        return self.of(chain_sweep.cheapest_choices(self.steps, self.resolution, len(self.counts)))

    @functools.cached_property
    def slowest_ms(self) -> float:
        """Latency of the slowest child."""
        return self.of(chain_sweep.dearest_choices(self.steps, self.resolution, len(self.counts)))

    def at(self, fraction: float) -> float:
        """Returns the latency at a fraction of the range from fastest to slowest child, in ms."""
        span = self.slowest_ms - self.fastest_ms
        # Rounding must not push the extremes out of the range.
        return min(self.fastest_ms + fraction * span, self.slowest_ms)

    def of(self, choices: Sequence[int]) -> float:
        """Returns the latency of one child, in milliseconds."""
        return self._terms.of(choices)

    def to_dict(self) -> dict[str, Any]:
        """Returns the costs as JSON values."""
        layers = [
            {
                "costs_ms": layer.costs.tolist(),
                "operation": layer.operation,
                "before": layer.before,
                "after": layer.after,
            }
            for layer in self.layers
        ]
        return {"quantity": self.quantity, "layers": layers, "resolution": self.resolution}

    def expected(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Returns E[latency] in milliseconds for probabilities `[rows, options]`.

        It is linear in every row, and computed in the precision of the probabilities.
        """
        return self._terms.expected(probabilities)

    def gradient(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Returns dE[latency] / dp in milliseconds, `[rows, options]`; zero in the padding.

        This is the mean over all other decisions of the layers that depend on the row, given one of
        its options. For a space of fixed widths and resolution it is the matrix of milliseconds.
        """
        return self._terms.gradient(probabilities)

    def costs_of(self, choices: tf.Tensor) -> tf.Tensor:
        """Returns the latencies `[networks]` of `choices` `[networks, rows]` int32."""
        return self._terms.of_all(choices)

    def most_probable(self, alpha: tf.Tensor, mask: np.ndarray) -> tf.Tensor:
        """Returns the latency in milliseconds of the child with the largest alpha in every row.

        Args:
            alpha: `[rows, options]`.
            mask: the same shape, true where an option exists.
        """
        best = tf.argmax(tf.where(mask, alpha, -np.inf), axis=1, output_type=tf.int32)
        return self.costs_of(best[None])[0]

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
