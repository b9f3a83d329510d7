"""Rows of which only the leading channels are read and written.

A row holds an array at its largest shape, `[positions, inputs, outputs]`: the positions of a kernel
or the vectors of a group, and its channels. A part of it has fewer of each. Writing a part puts it
over the leading block of the row; the rest of the row is copied, which for rows in memory is much
faster than an assignment to a block of a variable.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from nas.supernet.path_optimizer import Place


class CutPlace(NamedTuple):
    """A part of a row of a variable `[rows, values]`.

    Attributes:
        place: the row, and whether it is written.
        largest: shape of the whole row, three numbers.
        part: shape of the part.
    """

    place: Place
    largest: Sequence[int]
    part: tf.Tensor

    @property
    def row(self) -> tf.Tensor:
        """Scalar int32, index of the row."""
        return self.place.row

    def read(self, variable: tf.Variable) -> tf.Tensor:
        """Returns the part of the row."""
        return tf.slice(self._whole(variable), [0, 0, 0], self.part)

    def write(self, variable: tf.Variable, value: tf.Tensor) -> None:
        """Writes the part, if the row is written at all; the rest of the row does not change."""
        self.place.write(variable, tf.reshape(overlaid(self._whole(variable), value), [-1]))

    def _whole(self, variable: tf.Variable) -> tf.Tensor:
        return tf.reshape(self.place.read(variable), self.largest)


def overlaid(whole: tf.Tensor, part: tf.Tensor) -> tf.Tensor:
    """Returns `whole` with `part` in place of its leading block; both have three axes."""
    for axis in (2, 1, 0):
        # What follows the part along this axis, as large as the part along those before it.
        begin, size = [0, 0, 0], tf.unstack(tf.shape(part))
        begin[axis] = size[axis]
        size[axis] = -1
        rest = tf.slice(whole, begin, [s if i <= axis else -1 for i, s in enumerate(size)])
        part = tf.concat([part, rest], axis=axis)
    return part
