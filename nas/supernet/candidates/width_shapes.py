"""The shapes of the weights of a group of candidates, at every width of its layer."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nas.architecture.operations import Stage
from nas.architecture.operations.stage import KeepsWidth
from nas.layers.chain_function import ChainShapes
from nas.supernet.candidates.fresh_weights import Chain
from nas.supernet.candidates.width_choices import Cut

# One chain for every candidate, every width before and every width after the layer.
ChainGrid = Sequence[Sequence[Sequence[Chain]]]

# Stand-ins for the widths on both sides, which are no width of a network.
_INPUT, _OUTPUT = 1_000_003, 1_000_033


class WidthShapes:
    """A table of shapes.

    Args:
        grid: the chains; all have one form.

    Attributes:
        largest: of every kernel and vector, the largest shape over candidates and widths.
    """

    def __init__(self, grid: ChainGrid) -> None:
        tables = [
            [[ChainShapes.of(chain.stages) for chain in row] for row in table] for table in grid
        ]
        self._tables = [
            np.array(
                [[[getattr(shapes, name) for shapes in row] for row in table] for table in tables]
            )
            for name in ChainShapes._fields
        ]
        self._before, self._after = len(grid[0]), len(grid[0][0])
        sides = ChainShapes.of(_with_sides(grid[0][0][0].stages))
        self._is_input = [own == _INPUT for own in sides]
        self._is_output = [own == _OUTPUT for own in sides]
        self.largest = ChainShapes(*(table.max(axis=(0, 1, 2)) for table in self._tables))

    def of(self, row: tf.Tensor | int, cut: Cut) -> ChainShapes:
        """Returns the shapes of a candidate at the widths of `cut`, as tensors.

        What carries the input or the output of the layer has the width that is computed; what is
        inside of the candidate has that of the sampled option.
        """
        before = 0 if cut.before is None else cut.before.option
        after = 0 if cut.after is None or self._after == 1 else cut.after.option
        place = tf.stack([row, before, after])
        found = []
        for table, is_input, is_output in zip(
            self._tables, self._is_input, self._is_output, strict=True
        ):
            if not table.size:  # The stages have no such weights.
                found.append(tf.zeros([0], tf.int32))
                continue
            shapes = tf.gather_nd(table.astype(np.int32), place)
            if cut.before is not None:
                shapes = tf.where(is_input, cut.before.width, shapes)
            if cut.after is not None:
                shapes = tf.where(is_output, cut.after.width, shapes)
            found.append(shapes)
        return ChainShapes(*found)

    def numbers(self, row: int, before: int, after: int) -> ChainShapes:
        """Returns the shapes of a candidate at two options of the widths, as integers."""
        after = 0 if self._after == 1 else after
        return ChainShapes(*(table[row, before, after] for table in self._tables))


def _with_sides(stages: Sequence[Stage]) -> list[Stage]:
    """Returns stages in which the widths of the chain's input and output are stand-ins.

    The input goes through stages that keep its width, up to the first that does not; the output
    comes from the last that does not.
    """
    changing = [i for i, stage in enumerate(stages) if not isinstance(stage, KeepsWidth)]
    first, last = (changing[0], changing[-1]) if changing else (len(stages), len(stages))
    found: list[Stage] = []
    for i, stage in enumerate(stages):
        sides: dict[str, int] = {}
        if isinstance(stage, KeepsWidth):
            if i < first or i > last:
                sides["width"] = _INPUT if i < first else _OUTPUT
        else:
            sides |= {"input_width": _INPUT} if i == first else {}
            sides |= {"output_width": _OUTPUT} if i == last else {}
        found.append(dataclasses.replace(stage, **sides))  # type: ignore[type-var]
    return found
