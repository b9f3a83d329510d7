"""Costs of the candidates of a fixed space: milliseconds for each, a constant for the rest.

A fixed space has one width at every place and one resolution. Costs add up over the slots, so
E[latency] = constant + sum_i sum_j p_ij F_ij and dE/dp_ij = F_ij exactly (Cai et al. 2019,
equation 6).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nas.choices.chain_costs import ChainCosts
from nas.choices.layer_costs import LayerCosts


class Latencies(ChainCosts):
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
        >>> pixel = latency_models.load("pixel1").costs(space)
        >>> round(pixel.fastest_ms), round(pixel.slowest_ms)
        (30, 191)
    """

    def __init__(
        self, slots: Sequence[np.ndarray], constant_ms: float, quantity: str = "latency_ms"
    ) -> None:
        self.slots = [np.asarray(slot, np.float64) for slot in slots]
        self.constant_ms = float(constant_ms)
        fixed = LayerCosts(np.full([1, 1, 1, 1], self.constant_ms))
        layers = [
            LayerCosts(slot[None, :, None, None], operation=row)
            for row, slot in enumerate(self.slots)
        ]
        super().__init__([fixed, *layers], quantity=quantity)

    @classmethod
    def zero(cls, counts: Sequence[int]) -> "Latencies":
        """Returns latencies that are all zero, for a search without a target.

        Args:
            counts: number of options of every row; rows may be those of widths too.
        """
        return cls([np.zeros(n) for n in counts], 0.0)

    @property
    def matrix(self) -> np.ndarray:
        """Milliseconds of the candidates, `[slots, candidates]`, zero in the padding."""
        return self._terms.matrix

    def to_dict(self) -> dict[str, Any]:
        """Returns the latencies as JSON values."""
        slots = [slot.tolist() for slot in self.slots]
        return {"quantity": self.quantity, "slots_ms": slots, "constant_ms": self.constant_ms}
