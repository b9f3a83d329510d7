"""Batch normalization by the moments of the global batch, of which every replica has a slice."""

import tensorflow as tf

from nas.distribution import replicas


def normalize(
    x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What the fused kernel computes, for the global batch.

    The mean and the mean of squares are averaged over replicas, and so is their gradient, so that
    outputs and gradients are those of one process. It may stand where `replicas.mean` may, and is
    slower than the fused kernel.

    Args:
        x: `[batch, height, width, channels]`, this replica's slice; the batch may be empty.
        scale: `[channels]`, float32.
        offset: `[channels]`, float32.
        epsilon: added to the variance.

    Returns:
        The output, in the type of `x`, and the global batch's mean and unbiased variance, which is
        the one that the fused kernel gives for moving moments.
    """
    values = tf.cast(x, tf.float32)
    count = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
    # No images at all have moments of zero, lest gradients be NaN.
    moments = [tf.reduce_sum(v, [0, 1, 2]) for v in (values, tf.square(values))]
    mean, square = tf.unstack(replicas.mean(tf.stack(moments) / tf.maximum(count, 1.0)))
    # Rounding may make it negative.
    variance = tf.maximum(square - tf.square(mean), 0.0)
    factor = scale * tf.math.rsqrt(variance + epsilon)
    y = values * factor + (offset - mean * factor)
    count = count * replicas.count()
    return tf.cast(y, x.dtype), mean, variance * count / tf.maximum(count - 1.0, 1.0)
