"""Runs a chain forward only. The gate of an idle candidate needs its output, but no gradient of it.

The widest tensor of an inverted bottleneck is the output of its expansion.
`chain_function.run_chain` writes that tensor, reads it for its moments, and reads and writes it
again to normalize and to activate it. Its moments are known beforehand, since a 1x1 convolution W
is linear in every pixel x:

    mean(W x) = W mean(x)        variance(W x) = diag(W covariance(x) W^T)

So the normalization goes into the weights, and one kernel writes the activated tensor. That needs
only the covariance of the narrow input. It would gain nothing backwards, because the gradient of a
normalization needs the tensor that was normalized.
"""

from collections.abc import Sequence

import tensorflow as tf

from nas.distribution import replicas
from nas.layers import chain_function, stage_functions
from nas.layers.stage_functions import StageForm, Weights


def run_chain(
    x: tf.Tensor,
    forms: Sequence[StageForm],
    weights: chain_function.ChainWeights,
    shapes: chain_function.ChainShapes,
    training: bool,
    synchronized: bool = False,
) -> tf.Tensor:
    """Returns the output of `chain_function.run_chain`, which has the same arguments."""
    stages = chain_function.stage_weights(weights, shapes, forms, training)
    return run_stages(x, forms, stages, training, synchronized)


def run_stages(
    x: tf.Tensor,
    forms: Sequence[StageForm],
    stages: Sequence[Weights],
    training: bool,
    synchronized: bool = False,
    mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns the output of `chain_function.run_stages`, which has the same arguments."""
    place = chain_function.mask_place(forms)
    for i, (form, own) in enumerate(zip(forms, stages, strict=True)):
        if mask is not None and i == place:
            x = chain_function.masked(x, mask)
        if form.is_expansion and training:
            x = _expand(x, own, form.activation, synchronized)
        else:
            x, _ = stage_functions.run_stage(x, form, own, synchronized)
    return x


def _expand(
    x: tf.Tensor, weights: Weights, activation: str | None, synchronized: bool
) -> tf.Tensor:
    kernel, scale, offset = weights["kernel"], weights["scale"], weights["offset"]
    channels = x.shape[-1] or tf.shape(x)[-1]
    pixels = tf.cast(tf.reshape(x, [-1, channels]), tf.float32)
    count = tf.maximum(tf.cast(tf.shape(pixels)[0], tf.float32), 1.0)
    mean = tf.reduce_sum(pixels, axis=0) / count
    square = tf.matmul(pixels, pixels, transpose_a=True) / count
    if synchronized:
        mean, square = replicas.mean((mean, square))
    matrix = kernel[0, 0]
    covariance = square - mean[:, None] * mean
    variance = tf.reduce_sum(matrix * tf.matmul(covariance, matrix), axis=0)
    # Rounding can make the variance negative.
    epsilon = stage_functions.BATCH_NORM_EPSILON
    factor = scale * tf.math.rsqrt(tf.maximum(variance, 0.0) + epsilon)
    shift = offset - tf.linalg.matvec(matrix, mean, transpose_a=True) * factor
    y = tf.nn.conv2d(x, tf.cast(kernel * factor, x.dtype), 1, "VALID")
    y = tf.nn.bias_add(y, tf.cast(shift, x.dtype))
    return stage_functions.ACTIVATION_FUNCTIONS[activation](y)
