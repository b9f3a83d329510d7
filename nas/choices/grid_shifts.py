"""Moves values on a latency grid by many distances at once.

One step of a sweep moves the values of every state by one distance for each operation and each
pair of widths. Gathering single values for all of them would take most of the time of a sweep.
Blocks of values are gathered instead: the values of a state are laid out once for every remainder
of a distance, and the rest of a distance is a whole number of blocks.
"""

import numpy as np
import tensorflow as tf

_BLOCK = 16


def whole_blocks(bins: int) -> int:
    """Returns the least number of bins that is at least `bins` and a whole number of blocks."""
    return -(-bins // _BLOCK) * _BLOCK


class GridShifts:
    """Distances on a grid, as an operation on values.

    Args:
        sources: `[...]` integers, the row of values that is moved.
        distances: `[...]` integers, the number of bins it is moved up; negative moves it down.
        bins: length of a row, a whole number of blocks.
    """

    def __init__(self, sources: np.ndarray, distances: np.ndarray, bins: int) -> None:
        blocks = np.floor_divide(distances, _BLOCK)
        remainders = distances - blocks * _BLOCK
        # A remainder takes its values from the row rotated by it, so the row ends in zeros.
        front = max(int(blocks.max()), 0) + 1
        back = max(-int(blocks.min()), 0)
        self._padding = [front * _BLOCK, back * _BLOCK + 1]
        length = bins // _BLOCK + front + back
        first = (sources * _BLOCK + remainders) * length + front - blocks
        self._rows = (first[..., None] + np.arange(bins // _BLOCK)).astype(np.int32)

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """Moves rows of `values` `[rows, bins]`; returns `[..., blocks, bins of a block]`.

        Bins that no value is moved to are zero.
        """
        padded = tf.pad(values, [[0, 0], self._padding])
        length = padded.shape[1]
        # Row i of this reshape is the padded row, rotated by i.
        repeated = tf.tile(padded, [1, _BLOCK])[:, : _BLOCK * (length - 1)]
        blocks = tf.reshape(repeated, [-1, _BLOCK])
        return tf.gather(blocks, self._rows)
