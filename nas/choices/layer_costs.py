"""Costs of one layer of a chain, and the rules by which layers form a chain.

The decisions of a space are rows, in this order: the operations of every slot, the widths, and the
resolution. A network is one index a row. The cost of a layer may depend on its operation, on the
width decisions on its two sides, and on the resolution.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

AXES = ("resolutions", "operations", "input widths", "output widths")


@dataclasses.dataclass(frozen=True, eq=False)
class LayerCosts:
    """Costs of one layer: of the stem, of a fixed block, of a slot or of the head.

    Attributes:
        costs: float64 `[resolutions, operations, input widths, output widths]`, in milliseconds or
            another unit. An axis that the cost does not depend on has length 1. So has the last
            axis if `before` and `after` are the same decision.
        operation: row of the operation; None for a fixed layer.
        before: row of the width decision on the input side; None for a fixed width.
        after: row of the width decision on the output side; None for a fixed width.

    Raises:
        ValueError: the costs have another number of axes, are not finite, or differ along an axis
            without a decision.
    """

    costs: np.ndarray
    operation: int | None = None
    before: int | None = None
    after: int | None = None

    def __post_init__(self) -> None:
        costs = np.array(self.costs, np.float64)
        if costs.ndim != len(AXES) or not costs.size:
            raise ValueError(
                f"layer costs: expected the axes [{', '.join(AXES)}], none empty; received shape "
                f"{costs.shape}"
            )
        if not np.isfinite(costs).all():
            raise ValueError("latencies: expected finite milliseconds, received NaN or infinity")
        # The resolution belongs to the whole chain, so its axis is checked there.
        for axis, row in enumerate(self.rows(None)[1:], start=1):
            if row is None and costs.shape[axis] > 1:
                raise ValueError(
                    f"layer costs: expected length 1 on the axis of {AXES[axis]}, which has no "
                    f"decision of its own here; received {costs.shape[axis]}"
                )
        costs.flags.writeable = False
        object.__setattr__(self, "costs", costs)

    @property
    def keeps_width(self) -> bool:
        """Whether both sides have the same width decision, or both a fixed width."""
        return self.before == self.after

    def rows(self, resolution: int | None) -> tuple[int | None, ...]:
        """Returns the row of each axis of `costs`, given that of the resolution; None for none."""
        after = None if self.keeps_width else self.after
        return resolution, self.operation, self.before, after


def counts_of(layers: Sequence[LayerCosts], resolution: int | None) -> list[int]:
    """Checks that layers form a chain; returns the number of options of every row.

    Args:
        layers: in the order in which a network computes them.
        resolution: row of the resolution; None if it is fixed.

    Raises:
        ValueError: two neighbours disagree about the width between them, the layers of a width are
            not contiguous, rows are not in the order of the module's docstring, or two layers have
            another number of options for the same decision.
    """
    _check_widths(layers)
    _check_rows(layers, resolution)
    found: dict[int, int] = {}
    for layer in layers:
        for row, length in zip(layer.rows(resolution), layer.costs.shape, strict=True):
            if row is not None:
                found[row] = max(found.get(row, 1), length)
            elif length > 1:
                raise ValueError(
                    f"layer costs: expected length 1 on the axis of resolutions, since the chain "
                    f"has no row for them; received {length}"
                )
    for i, layer in enumerate(layers):
        for axis, row in enumerate(layer.rows(resolution)):
            length = layer.costs.shape[axis]
            if row is not None and length not in (1, found[row]):
                raise ValueError(
                    f"layers[{i}]: expected 1 or {found[row]} {AXES[axis]}, as other layers have "
                    f"for row {row}; received {length}"
                )
    return [found[row] for row in sorted(found)]


def _check_widths(layers: Sequence[LayerCosts]) -> None:
    if not layers:
        raise ValueError("layers: expected at least one, received none")
    ended: set[int] = set()
    for i, (layer, previous) in enumerate(zip(layers, [layers[0], *layers], strict=False)):
        if i and layer.before != previous.after:
            raise ValueError(
                f"layers[{i}]: expected before={previous.after}, the width after the layer before "
                f"it, received {layer.before}; a width decision ends only in a layer that has it "
                "on its input side"
            )
        if layer.before is not None and not layer.keeps_width:
            ended.add(layer.before)
        if layer.after in ended:
            raise ValueError(
                f"layers[{i}]: expected the layers of width row {layer.after} to follow each other "
                "without a gap, received it again after its end; use one decision for each part"
            )


def _check_rows(layers: Sequence[LayerCosts], resolution: int | None) -> None:
    operations = [layer.operation for layer in layers if layer.operation is not None]
    sides = {row for layer in layers for row in (layer.before, layer.after) if row is not None}
    slots = len(operations)
    expected = operations == list(range(slots)), sides == set(range(slots, slots + len(sides)))
    if not all(expected) or resolution not in (None, slots + len(sides)):
        raise ValueError(
            "rows: expected those of the slots in order from 0, then those of the widths, then "
            f"that of the resolution; received operations {operations}, widths {sorted(sides)} and "
            f"resolution {resolution}"
        )
