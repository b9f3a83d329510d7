"""The shapes of the weights of a group of candidates, at every width of its layer."""

import dataclasses
import math
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

    A vector of sizes has the shapes of all kernels, the lengths of the affine vectors and of the
    moments, and then some numbers from 0, since weights have sides that do not depend on widths.

    Args:
        grid: the chains; all have one form.

    Attributes:
        unit: the largest number of which all lengths are multiples: output channels of kernels,
            channels of depthwise kernels, and vectors.
        is_depthwise: of every kernel, whether it has one output channel for each of its inputs.
        idle_row: index of the smallest shapes that fit each other, for a group that does not run:
            kernels of one pixel, and `unit` channels wherever there is a length.
        idle_sides: channels before and after a group that does not run.
        nothing: the place of a 0 in a vector of sizes; 1, 2 and so on follow.
    """

    def __init__(self, grid: ChainGrid) -> None:
        forms, _ = grid[0][0][0].form
        # How many consecutive vectors have one length, for affine weights and for moments.
        self._counts = [[count for form in forms for count in form.vectors[i]] for i in range(2)]
        self._numbers = range(max([1, *self._counts[0], *self._counts[1]]) + 1)
        shapes = [[[ChainShapes.of(c.stages) for c in row] for row in table] for table in grid]
        first = shapes[0][0][0]
        self._lengths = [own.size for own in first]
        self.nothing = sum(self._lengths)
        self._table = np.array([[[self._joined(own) for own in row] for row in t] for t in shapes])
        self._before, self._after = self._table.shape[1:3]
        sides = self._joined(ChainShapes.of(_with_sides(grid[0][0][0].stages)))
        self._is_input, self._is_output = sides == _INPUT, sides == _OUTPUT
        kernels, *vectors = self._split(self._table.reshape(-1, len(sides)))
        self.is_depthwise = [bool(own) for own in (kernels[..., 3] == 1).all(axis=0)]
        lengths = np.where(self.is_depthwise, kernels[..., 2], kernels[..., 3])
        every = np.concatenate([np.ravel(own) for own in (lengths, *vectors)])
        self.unit = int(np.gcd.reduce(every))
        self.idle_row = len(grid)
        chains = [chain.stages for table in grid for row in table for chain in row]
        self.idle_sides = (
            math.gcd(self.unit, *(own[0].input_width for own in chains)),
            math.gcd(self.unit, *(own[-1].output_width for own in chains)),
        )
        idle = np.gcd(np.gcd.reduce(self._table, axis=(0, 1, 2)), self.unit)
        self._split(idle)[0][:, :2] = 1
        idle[self.nothing :] = self._numbers
        idle = np.broadcast_to(idle, (1, *self._table.shape[1:]))
        self._table = np.concatenate([self._table, idle]).astype(np.int32)

    def places(self) -> list[list[tuple[int, int]]]:
        """Returns by bank where rows and length of every weight are in a vector of sizes.

        The rows of vectors are those that have one length.
        """
        kernels = [
            (self.nothing + 1, 4 * i + 2) if is_depthwise else (4 * i + 2, 4 * i + 3)
            for i, is_depthwise in enumerate(self.is_depthwise)
        ]
        found, start = [kernels], self._lengths[0]
        for own, length in zip(self._counts, self._lengths[1:], strict=True):
            found.append([(self.nothing + count, start + i) for i, count in enumerate(own)])
            start += length
        return found

    def of(self, row: tf.Tensor | int, cut: Cut) -> tf.Tensor:
        """Returns the sizes of a candidate, or of `idle_row`, at the widths of `cut`.

        What carries the input or the output of the layer has the width that is computed; what is
        inside of the candidate has that of the sampled option.
        """
        before = 0 if cut.before is None else cut.before.option
        after = 0 if cut.after is None or self._after == 1 else cut.after.option
        sizes = tf.gather_nd(self._table, tf.stack([row, before, after]))
        is_run = tf.not_equal(row, self.idle_row)
        if cut.before is not None:
            sizes = tf.where(self._is_input & is_run, cut.before.width, sizes)
        if cut.after is not None:
            sizes = tf.where(self._is_output & is_run, cut.after.width, sizes)
        return sizes

    def shapes(self, sizes: tf.Tensor) -> ChainShapes:
        """Returns the shapes in a vector of sizes."""
        kernels, affine, moments, _ = tf.split(sizes, [*self._lengths, len(self._numbers)])
        return ChainShapes(tf.reshape(kernels, [-1, 4]), affine, moments)

    def numbers(self, row: int, before: int, after: int) -> np.ndarray:
        """Returns the sizes of a candidate at two options of the widths."""
        return self._table[row, before, 0 if self._after == 1 else after]

    def largest(self, row: int) -> np.ndarray:
        """Returns the largest sizes of a candidate."""
        return self._table[row].max(axis=(0, 1))

    def _joined(self, shapes: ChainShapes) -> np.ndarray:
        """Returns shapes as a vector of sizes."""
        return np.concatenate([*map(np.ravel, shapes), self._numbers])

    def _split(self, sizes: np.ndarray) -> list[np.ndarray]:
        """Returns views of the shapes in sizes `[..., n]`."""
        kernels, affine, moments, _ = np.split(sizes, np.cumsum(self._lengths), axis=-1)
        return [kernels.reshape(*sizes.shape[:-1], -1, 4), affine, moments]


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
