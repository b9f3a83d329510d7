"""Places of which only some values are written; the others stay to the bit.

Kernels that are cut to a width are read as whole rows, and their gradient is zero beyond the cut.
Momentum and weight decay would still change the values there, so a mask keeps them as they were.
"""

from typing import NamedTuple

import tensorflow as tf

from nas.supernet.path_optimizer import Place


class MaskedRow(NamedTuple):
    """A row of a variable `[rows, length]`.

    Attributes:
        place: the row, and whether it is written.
        mask: bool `[length]`, the values that are written.
    """

    place: Place
    mask: tf.Tensor

    def read(self, variable: tf.Variable) -> tf.Tensor:
        """See `AnyPlace`."""
        return self.place.read(variable)

    def write(self, variable: tf.Variable, value: tf.Tensor, old: tf.Tensor) -> None:
        """See `AnyPlace`."""
        self.place.write(variable, tf.where(self.mask, value, old), old)


class MaskedWhole(NamedTuple):
    """A whole variable.

    Attributes:
        mask: bool in the shape of the variable, the values that are written.
    """

    mask: tf.Tensor

    def read(self, variable: tf.Variable) -> tf.Tensor:
        """See `AnyPlace`."""
        return tf.convert_to_tensor(variable)

    def write(self, variable: tf.Variable, value: tf.Tensor, old: tf.Tensor) -> None:
        """See `AnyPlace`."""
        variable.assign(tf.where(self.mask, value, old))


def leading(part: tf.Tensor, whole: tuple[int, ...]) -> tf.Tensor:
    """Returns a mask of shape `whole` that is true in the leading block of shape `part`."""
    behind = tf.constant(whole, tf.int32) - part
    return tf.pad(tf.fill(part, True), tf.stack([tf.zeros_like(behind), behind], axis=1))
