"""The costs of a space as a chain, from the cost of every part that its networks can have."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from nas.architecture import counting
from nas.architecture.part_grids import Parts, part_grids
from nas.architecture.specs import Child, SearchSpace
from nas.choices.candidate_costs import Latencies
from nas.choices.chain_costs import ChainCosts
from nas.choices.layer_costs import LayerCosts


def of_space(
    space: SearchSpace,
    parts: Parts,
    costs_of: Callable[[Sequence], Sequence[float]],
    quantity: str = "latency_ms",
) -> ChainCosts:
    """Returns the costs of every network of a space.

    The cost of a head is that of its convolution, dense layer and classifier together, and depends
    on three widths if the pooled width `p` is a decision of its own. A layer of a chain depends on
    two, so it is split with the first options `a0` and `p0` of the input width `a` and of `p`:

        cost(a, h, p) = cost(a, h, p0) + (cost(a0, h, p) - cost(a0, h, p0))

    This is exact for multiply-accumulates, parameters and bytes, since what depends on `p` does not
    depend on `a`. A latency loses what `a` and `p` have in common beyond their sum.

    Args:
        space: the space.
        parts: makes the parts.
        costs_of: returns the costs of parts; called once, with all of them.
        quantity: as in `ChainCosts`.
    """
    grids, rows = part_grids(space, parts), space.layer_rows
    # Slots first: if a part is not covered, the message should name a block.
    order = sorted(range(len(rows)), key=lambda i: rows[i].operation is None)
    found = iter(costs_of([part for i in order for part in grids[i].flat if part is not None]))
    costs = [np.zeros(grid.shape) for grid in grids]
    for i in order:
        for place, part in np.ndenumerate(grids[i]):
            costs[i][place] = 0.0 if part is None else next(found)
    if space.head.decides_pooled_width:
        costs[-1] = costs[-1] - costs[-1][..., :1]
    if not space.widths and space.resolution_row is None:
        slots = [c.ravel() for c, row in zip(costs, rows, strict=True) if row.operation is not None]
        fixed = [c.item() for c, row in zip(costs, rows, strict=True) if row.operation is None]
        return Latencies(slots, math.fsum(fixed), quantity)
    layers = [LayerCosts(c, *row) for c, row in zip(costs, rows, strict=True)]
    return ChainCosts(layers, space.resolution_row, quantity)


def macs_of(space: SearchSpace) -> ChainCosts:
    """Returns the multiply-accumulates of every network of a space, for one image."""

    def head(child: Child) -> int:
        convolutions = counting.chain_macs(counting.head_stages(child), child.input_resolutions[-1])
        return convolutions + child.head.output_width * child.num_classes

    def stem(child: Child) -> int:
        return child.stem.stage(child.input_channels).macs(child.resolution)

    return of_space(space, Parts(stem, counting.block_macs, head), list, "macs")


def params_of(space: SearchSpace) -> ChainCosts:
    """Returns the trainable parameters of every network of a space."""

    def head(child: Child) -> int:
        classifier = (child.head.output_width + 1) * child.num_classes
        return classifier + sum(stage.num_weights for stage in counting.head_stages(child))

    def stem(child: Child) -> int:
        return child.stem.stage(child.input_channels).num_weights

    parts = Parts(stem, lambda block, _: counting.block_params(block), head)
    return of_space(space, parts, list, "params")


def bytes_of(space: SearchSpace, weight_bytes: int, channel_bytes: int) -> ChainCosts:
    """Returns the bytes of every network's weights in a file; see `counting.num_bytes`."""
    sizes = weight_bytes, channel_bytes
    parts = Parts(
        lambda child: counting.stage_bytes(child.stem.stage(child.input_channels), *sizes),
        lambda block, _: counting.block_bytes(block, *sizes),
        lambda child: counting.head_bytes(child, *sizes),
    )
    return of_space(space, parts, list, "bytes")
