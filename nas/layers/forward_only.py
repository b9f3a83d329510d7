"""A chain by whose output nothing is differentiated: what the gate of an idle candidate asks for.

The widest tensor of an inverted bottleneck is what its expansion puts out. `kernels.run_chain`
writes it, reads it for its moments, and reads and writes it to normalize and to activate. Its
moments are known beforehand, since a 1x1 convolution W is linear in every pixel x:

    mean(W x) = W mean(x)        variance(W x) = diag(W covariance(x) W^T)

So the normalization is put into the weights, and one kernel writes the activated tensor. That needs
no more than the covariance of the narrow input. Backwards this would gain nothing, because the
gradient of a normalization asks for what was normalized.
"""

from collections.abc import Sequence

import tensorflow as tf

from nas.distribution import replicas
from nas.layers import chain_function, keras_network


def run_chain(
    x: tf.Tensor,
    forms: Sequence[chain_function.StageForm],
    weights: chain_function.ChainWeights,
    shapes: chain_function.ChainShapes,
    training: bool,
    synchronized: bool = False,
) -> tf.Tensor:
    """The output of `kernels.run_chain`, whose arguments these are."""
    for form, (kernel, scale, offset, *moving) in zip(
        forms, chain_function.stage_weights(weights, shapes, len(forms), training), strict=True
    ):
        if form.is_expansion and training:
            x = _expand(x, kernel, scale, offset, form.activation, synchronized)
        else:
            x, *_ = chain_function.run_stage(x, form, kernel, scale, offset, moving, synchronized)
    return x


def _expand(
    x: tf.Tensor,
    kernel: tf.Tensor,
    scale: tf.Tensor,
    offset: tf.Tensor,
    activation: str | None,
    synchronized: bool,
) -> tf.Tensor:
    pixels = tf.cast(tf.reshape(x, [-1, x.shape[-1]]), tf.float32)
    count = tf.maximum(tf.cast(tf.shape(pixels)[0], tf.float32), 1.0)
    mean = tf.reduce_sum(pixels, axis=0) / count
    square = tf.matmul(pixels, pixels, transpose_a=True) / count
    if synchronized:
        mean, square = replicas.mean((mean, square))
    matrix = kernel[0, 0]
    covariance = square - mean[:, None] * mean
    variance = tf.reduce_sum(matrix * tf.matmul(covariance, matrix), axis=0)
    # Rounding may make it negative.
    factor = scale * tf.math.rsqrt(tf.maximum(variance, 0.0) + keras_network.BATCH_NORM_EPSILON)
    shift = offset - tf.linalg.matvec(matrix, mean, transpose_a=True) * factor
    y = tf.nn.conv2d(x, tf.cast(kernel * factor, x.dtype), 1, "VALID")
    return chain_function.ACTIVATIONS[activation](tf.nn.bias_add(y, tf.cast(shift, x.dtype)))
