"""Batch normalization by the moments of the global batch. Each replica holds a slice of it."""

import tensorflow as tf

from nas.distribution import replicas


def normalize(
    x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Computes the result of the fused kernel, for the global batch.

    The mean, the mean of squares and their gradients are averaged over replicas, so outputs and
    gradients are those of one process. It may be called wherever `replicas.mean` may, and is slower
    than the fused kernel.

    Args:
        x: `[batch, height, width, channels]`, this replica's slice; the batch may be empty.
        scale: `[channels]`, float32.
        offset: `[channels]`, float32.
        epsilon: added to the variance.

    Returns:
        The output in the type of `x`, and the mean and the unbiased variance of the global batch.
        The fused kernel also returns the unbiased variance, for the moving moments.
    """
    values = tf.cast(x, tf.float32)
    count = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
    # An empty batch has moments of zero. Otherwise gradients would be NaN.
    moments = [tf.reduce_sum(v, [0, 1, 2]) for v in (values, tf.square(values))]
    mean, square = tf.unstack(replicas.mean(tf.stack(moments) / tf.maximum(count, 1.0)))
    # Rounding can make the variance negative.
    variance = tf.maximum(square - tf.square(mean), 0.0)
    factor = scale * tf.math.rsqrt(variance + epsilon)
    y = values * factor + (offset - mean * factor)
    count = count * replicas.count()
    return tf.cast(y, x.dtype), mean, variance * count / tf.maximum(count - 1.0, 1.0)
