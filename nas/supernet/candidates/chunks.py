"""Weights of several candidates in one variable, of which a step reads and writes only a cut part.

The variable of a bank is `[chunks, unit]`. It holds the weights of one candidate after those of
another, without padding. All widths of the group are multiples of `unit`, so the leading channels
of a weight are whole chunks. Reading a cut candidate is one gather, and writing it is one scatter.
What is read are the weights of a child, flattened and joined.

A weight is stored as matrices. A kernel has a matrix for every pixel, with a row for every input
channel. A depthwise kernel has one row in each. Vectors of one length are the rows of one matrix.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Block(NamedTuple):
    """A weight of a candidate as matrices.

    Attributes:
        matrices: number of matrices, whatever the widths are.
        rows: rows of each.
        length: values in a row.
    """

    matrices: int
    rows: int
    length: int

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self)


class ChunkTable:
    """Where the weights of every candidate lie in the variables of its banks.

    Args:
        blocks: by bank, of every candidate the weights at their largest. All candidates have
            equally many in a bank.
        sides: by bank, of every weight where its rows and its length are in a vector of sizes.
        unit: a divisor of all lengths.
        nothing: a place in the vector of sizes that holds 0.

    Attributes:
        unit: as given.
        idle_row: the index of a candidate that has only the first matrix of each weight, for a
            group that does not run.
    """

    def __init__(
        self,
        blocks: Sequence[Sequence[Sequence[Block]]],
        sides: Sequence[Sequence[tuple[int, int]]],
        unit: int,
        nothing: int,
    ) -> None:
        self.unit = unit
        self._blocks = blocks
        self.idle_row = len(blocks[0])
        padding = 0, 1, nothing, nothing
        parts: list[list] = []
        bank_of: list[int] = []
        for bank, (candidates, own_sides) in enumerate(zip(blocks, sides, strict=True)):
            matrices = self._matrices(candidates, own_sides)
            most = max(map(len, matrices))
            bank_of += [bank] * most
            parts.append([own + [padding] * (most - len(own)) for own in matrices])
        rows = [list(itertools.chain(*own)) for own in zip(*parts, strict=True)]
        # `[candidates, 2, 2, matrices]`: first chunk and chunks of a row, places of the sides.
        table = np.array(rows, np.int32).reshape(len(rows), -1, 4).swapaxes(1, 2)
        self._table = table.reshape(len(rows), 2, 2, -1)
        self._bank_of = np.array(bank_of, np.int32)

    def _matrices(
        self, candidates: Sequence[Sequence[Block]], sides: Sequence[tuple[int, int]]
    ) -> list[list[tuple[int, int, int, int]]]:
        """Returns the matrices of every candidate of a bank, and last those of `idle_row`."""
        found, firsts, start = [], [], 0
        for candidate, own in enumerate(candidates):
            matrices = []
            for block, (rows_at, length_at) in zip(own, sides, strict=True):
                wide = block.length // self.unit
                if candidate == 0:
                    firsts.append((start, wide, rows_at, length_at))
                for _ in range(block.matrices):
                    matrices.append((start, wide, rows_at, length_at))
                    start += block.rows * wide
            found.append(matrices)
        return [*found, firsts]

    def chunks(self, row: tf.Tensor | int, sizes: tf.Tensor) -> list[tf.Tensor]:
        """Returns by bank which chunks hold the leading rows and values of the weights, in order.

        Args:
            row: index of the candidate, or `idle_row`.
            sizes: int32 vector of sizes, with the sides of all weights at their places. Lengths are
                multiples of `unit`.

        Returns:
            `[n]` int32 for every bank.
        """
        stored, places = tf.unstack(tf.gather(self._table, row))
        starts, strides = tf.unstack(stored)
        count, length = tf.unstack(tf.gather(sizes, places))
        wide = length // self.unit
        ends = starts + count * strides
        # The first chunk of every row of every matrix, and the one after its last.
        first = _ranges(starts, ends, strides)
        last = _ranges(starts + wide, ends + wide, strides)
        num_banks = len(self._blocks)
        totals = tf.math.unsorted_segment_sum(count * wide, self._bank_of, num_banks)
        return tf.split(_ranges(first, last, tf.constant(1)), totals, num=num_banks)

    def joined(self, weights: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """Returns the weights of all candidates in a bank, `[chunks, unit]`.

        Args:
            weights: of every candidate, the weights at their largest, or the vectors of which they
                consist.
        """
        flat = [np.ravel(weight) for own in weights for weight in own]
        return np.concatenate([*flat, np.zeros(0)]).astype(np.float32).reshape(-1, self.unit)

    def weights(self, bank: int, row: int, values: np.ndarray) -> list[np.ndarray]:
        """Returns the weights of a candidate, `[matrices, rows, length]`, from all chunks."""
        before = sum(block.size for own in self._blocks[bank][:row] for block in own)
        blocks = self._blocks[bank][row]
        parts = np.split(np.ravel(values)[before:], np.cumsum([block.size for block in blocks]))
        return [part.reshape(block) for part, block in zip(parts, blocks, strict=False)]


def _ranges(starts: tf.Tensor, limits: tf.Tensor, deltas: tf.Tensor) -> tf.Tensor:
    """Returns the numbers from each start to its limit, joined."""
    found = tf.raw_ops.RaggedRange(starts=starts, limits=limits, deltas=deltas, Tsplits=tf.int32)
    return found.rt_dense_values
