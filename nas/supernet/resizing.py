"""Resizes batches to a sampled resolution."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def resized(images: tf.Tensor, resolutions: Sequence[int], choice: tf.Tensor) -> tf.Tensor:
    """Returns images at one of several resolutions.

    Args:
        images: `[batch, height, width, channels]` at the largest resolution.
        resolutions: the options, in pixels.
        choice: scalar, index of the option.
    """
    size = tf.gather(np.array(resolutions, np.int32), choice)

    def smaller() -> tf.Tensor:
        found = tf.image.resize(images, tf.stack([size, size]), antialias=True)
        return tf.cast(found, images.dtype)

    # Most images of a batch are at the largest, which needs no copy.
    found = tf.cond(size < max(resolutions), smaller, lambda: tf.identity(images))
    found.set_shape([images.shape[0], None, None, images.shape[-1]])
    return found
