"""The parts of every network of a space, layer by layer: for costs and for benchmarks."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nas.architecture.blocks import Block, Slot
from nas.architecture.decisions import LayerRows
from nas.architecture.specs import Child, SearchSpace


class Parts(NamedTuple):
    """Makes the parts of networks, in whatever form `costs_of` takes them.

    Attributes:
        stem: returns the stem of a child.
        block: returns a block, given the resolution of its square input in pixels.
        head: returns the head of a child.
    """

    stem: Callable[[Child], object]
    block: Callable[[Block, int], object]
    head: Callable[[Child], object]


def part_grids(space: SearchSpace, parts: Parts) -> list[np.ndarray]:
    """Returns the parts of the stem, of every layer and of the head.

    If the head's pooled width is a decision of its own, whole heads are there twice: over the
    widths on both sides of the convolution, and over those on both sides of the dense layer. The
    width that such a grid does not run over is the first of its decision.

    Returns:
        Object arrays `[resolutions, operations, input widths, output widths]`; None stands for an
        identity. An axis without a decision has length 1, and so has the last one if both sides of
        the layer are one decision.
    """
    makers = zip(space.layer_rows, _makers(space, parts), strict=True)
    return [_grid(space, rows, make) for rows, make in makers]


# The parts of one layer, one per operation, given the numbers of its widths and a resolution.
Maker = Callable[[dict[str, int], int], list]


def _makers(space: SearchSpace, parts: Parts) -> list[Maker]:
    """Returns the makers of the stem, every layer and the head, one for each of `layer_rows`."""
    firsts = {name: numbers[0] for name, numbers in space.widths.items()}

    def of_child(make: Callable[[Child], object]) -> Maker:
        return lambda widths, size: [make(space.at(firsts | widths, size).first_child)]

    def of_layer(index: int) -> Maker:
        def make(widths: dict[str, int], resolution: int) -> list:
            layer = space.layers[index].at(widths)
            size = space.input_resolutions_at(resolution)[index]
            blocks = layer.blocks if isinstance(layer, Slot) else (layer,)
            return [None if block.is_identity else parts.block(block, size) for block in blocks]

        return make

    layers = [of_layer(index) for index in range(len(space.layers))]
    heads = [of_child(parts.head)] * (2 if space.head.decides_pooled_width else 1)
    return [of_child(parts.stem), *layers, *heads]


def _grid(space: SearchSpace, rows: LayerRows, make: Maker) -> np.ndarray:
    """Returns the parts of a layer, `[resolutions, operations, input widths, output widths]`.

    If both sides are one decision, the last axis has length 1.
    """
    names = {row: name for name, row in space.width_rows.items()}
    sides = [None if row is None else names[row] for row in (rows.before, rows.after)]
    before, after = [(0,) if name is None else space.widths[name] for name in sides]
    if rows.before == rows.after:
        sides, after = [sides[0], None], (0,)
    cells = [
        [
            [
                make({k: v for k, v in zip(sides, (a, b), strict=True) if k is not None}, size)
                for b in after
            ]
            for a in before
        ]
        for size in space.resolutions
    ]
    grid = np.empty([len(cells), len(before), len(after), len(cells[0][0][0])], object)
    for place in np.ndindex(*grid.shape[:3]):
        r, a, b = place
        grid[place] = cells[r][a][b]
    return grid.transpose(0, 3, 1, 2)
