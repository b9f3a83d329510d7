"""The widths that a route gives a layer: which option, how many channels, and which of them count.

A weight step runs the sampled widths. An architecture step by gates runs a wider layer and masks
the channels beyond the sampled width, so that it knows what they would have been worth. With gates
g_b, one for every width w_b that is compared,

    mask_c = sum over b of  g_b [c < w_b],    dL/dg_b = sum over c < w_b of  dL/dmask_c,

and the mask multiplies a tensor of this width wherever its channels are mixed. The gates are
one-hot, so the mask is one for the channels of the sampled width and zero beyond.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class WidthChoice(NamedTuple):
    """The width on one side of a layer.

    Attributes:
        option: scalar, the sampled option of the width decision; 0 for a fixed width.
        width: scalar, channels that are computed, at least those of the option.
        mask: float32 `[width]`, or None if only the channels of the option are computed.
    """

    option: tf.Tensor | int
    width: tf.Tensor | int
    mask: tf.Tensor | None = None

    @classmethod
    def sampled(cls, numbers: Sequence[int], option: tf.Tensor) -> "WidthChoice":
        """Returns the width of an option of a decision."""
        return cls(option, tf.gather(np.array(numbers, np.int32), option))

    @classmethod
    def gated(
        cls, numbers: Sequence[int], active: tf.Tensor, compared: tf.Tensor, gates: tf.Tensor
    ) -> "WidthChoice":
        """Returns a width that is differentiable by gates.

        Args:
            numbers: the options of the decision.
            active: scalar, the sampled option.
            compared: `[n]`, the options that have a gate.
            gates: float32 `[n]`, one for the sampled option and zero for the others.
        """
        widths = tf.gather(np.array(numbers, np.int32), compared)
        most = tf.reduce_max(widths)
        inside = tf.sequence_mask(widths, most, tf.float32)
        return cls(active, most, tf.reduce_sum(gates[:, None] * inside, axis=0))


class Cut(NamedTuple):
    """The widths on both sides of a layer, each None if it is fixed.

    If both sides have one decision, both are the same.
    """

    before: WidthChoice | None = None
    after: WidthChoice | None = None


FIXED = Cut()
