"""A chain of stages as one pure function of its input and its weights.

The weights arrive as flat vectors, so that a path's weights are one row of a bank whatever their
shapes, and the shapes may differ from call to call: one traced chain serves every kernel size and
expansion.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from nas.architecture.operations import Stage
from nas.layers import keras_network, synchronized_batch_norm

ACTIVATIONS = {None: tf.identity, "relu": tf.nn.relu, "relu6": tf.nn.relu6}


class StageForm(NamedTuple):
    """What must be known to trace a stage; sizes come with the weights.

    Attributes:
        type: `conv` or `depthwise`.
        stride: 1 or 2.
        activation: what follows the normalization.
        is_expansion: a 1x1 convolution with an activation, which has many more outputs than inputs.
    """

    type: str
    stride: int
    activation: str | None
    is_expansion: bool = False

    @classmethod
    def of(cls, stage: Stage) -> "StageForm":
        """The form of `stage`."""
        is_pointwise = stage.type == "conv" and stage.kernel_size == 1 and stage.stride == 1
        is_expansion = is_pointwise and stage.activation is not None
        return cls(stage.type, stage.stride, stage.activation, is_expansion)


class ChainWeights(NamedTuple):
    """Weights of one chain, flattened and joined, stage after stage.

    Attributes:
        kernels: every stage's kernel.
        affine: every stage's scale, then offset.
        moments: every stage's moving mean, then moving variance.
    """

    kernels: tf.Tensor
    affine: tf.Tensor
    moments: tf.Tensor


class ChainShapes(NamedTuple):
    """Shapes to cut `ChainWeights` by.

    Attributes:
        kernels: `[stages, 4]`, each stage's kernel shape.
        widths: `[stages]`, each stage's output width.
    """

    kernels: tf.Tensor
    widths: tf.Tensor

    @classmethod
    def of(cls, stages: Sequence[Stage]) -> "ChainShapes":
        """The shapes of `stages`, as Python integers."""
        return cls(
            [list(stage.kernel_shape) for stage in stages], [stage.output_width for stage in stages]
        )


def run_chain(
    x: tf.Tensor,
    forms: Sequence[StageForm],
    weights: ChainWeights,
    shapes: ChainShapes,
    training: bool,
    synchronized: bool = False,
    gate: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Convolution, batch normalization and activation, stage after stage.

    Args:
        x: `[batch, height, width, channels]`.
        forms: what the stages are.
        weights: their weights; vectors longer than the shapes need are cut.
        shapes: their shapes, tensors or Python integers.
        training: normalize by the batch's own moments instead of the moving ones.
        synchronized: the batch is that of all replicas; see `replicas.mean` for where this may be.
        gate: float32 scalar that multiplies the output of a chain without last activation. That is
            linear in its last scale and offset, so they are multiplied instead, and the gate's
            gradient is a sum over channels of what their gradients are anyway.

    Returns:
        The output, and the batch's moments in the layout of `weights.moments`, its padding
        included (the moving moments themselves when not training).
    """
    batch_moments = []
    stages = stage_weights(weights, shapes, len(forms), training)
    if gate is not None:
        kernel, scale, offset, *moving = stages[-1]
        stages[-1] = [kernel, gate * scale, gate * offset, *moving]
    for form, (kernel, scale, offset, *moving) in zip(forms, stages, strict=True):
        x, *moments = run_stage(x, form, kernel, scale, offset, moving, synchronized)
        batch_moments += moments
    if not training:
        return x, weights.moments
    return x, tf.concat([*batch_moments, _padding(weights.moments, shapes, len(forms))], axis=0)


def stage_weights(
    weights: ChainWeights, shapes: ChainShapes, stages: int, training: bool
) -> list[list[tf.Tensor]]:
    """Kernel, scale and offset of each of so many stages.

    When not training, moving mean and moving variance follow.
    """
    flats = [weights.affine] if training else [weights.affine, weights.moments]
    pairs = [_cut_pairs(flat, shapes, stages) for flat in flats]
    kernels = _cut_kernels(weights.kernels, shapes, stages)
    return [[k, *(v for pair in vs for v in pair)] for k, *vs in zip(kernels, *pairs, strict=True)]


def run_stage(
    x: tf.Tensor,
    form: StageForm,
    kernel: tf.Tensor,
    scale: tf.Tensor,
    offset: tf.Tensor,
    moving: Sequence[tf.Tensor] = (),
    synchronized: bool = False,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Convolution, batch normalization and activation.

    Args:
        x: `[batch, height, width, channels]`.
        form: what the stage is.
        kernel: as `tf.nn.conv2d` or `tf.nn.depthwise_conv2d` take it.
        scale: `[output width]`.
        offset: `[output width]`.
        moving: mean and variance to normalize by; empty for the batch's own.
        synchronized: the batch is that of all replicas.

    Returns:
        The output, and the mean and variance it was normalized by.
    """
    x = _convolve(x, tf.cast(kernel, x.dtype), form)
    if not moving and synchronized:
        x, mean, variance = synchronized_batch_norm.normalize(
            x, scale, offset, keras_network.BATCH_NORM_EPSILON
        )
        return ACTIVATIONS[form.activation](x), mean, variance
    empty = tf.zeros([0], tf.float32)
    mean, variance = moving or (empty, empty)
    x, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=scale,
        offset=offset,
        mean=mean,
        variance=variance,
        epsilon=keras_network.BATCH_NORM_EPSILON,
        is_training=not moving,
    )
    return ACTIVATIONS[form.activation](x), mean, variance


def _convolve(x: tf.Tensor, kernel: tf.Tensor, form: StageForm) -> tf.Tensor:
    if form.type == "depthwise":
        return tf.nn.depthwise_conv2d(x, kernel, [1, form.stride, form.stride, 1], "SAME")
    return tf.nn.conv2d(x, kernel, form.stride, "SAME")


def _cut_kernels(flat: tf.Tensor, shapes: ChainShapes, stages: int) -> list[tf.Tensor]:
    parts = _split(flat, tf.reduce_prod(shapes.kernels, axis=1), stages)
    by_stage = tf.unstack(shapes.kernels) if tf.is_tensor(shapes.kernels) else shapes.kernels
    return [tf.reshape(part, shape) for part, shape in zip(parts[:-1], by_stage, strict=True)]


def _cut_pairs(flat: tf.Tensor, shapes: ChainShapes, stages: int) -> list[list[tf.Tensor]]:
    parts = _split(flat, tf.multiply(shapes.widths, 2), stages)
    return [tf.unstack(tf.reshape(part, [2, -1])) for part in parts[:-1]]


def _padding(flat: tf.Tensor, shapes: ChainShapes, stages: int) -> tf.Tensor:
    return _split(flat, tf.multiply(shapes.widths, 2), stages)[-1]


def _split(flat: tf.Tensor, sizes: tf.Tensor, stages: int) -> list[tf.Tensor]:
    """The stages' parts, and last what is beyond them: padding, all zeros."""
    return tf.split(flat, tf.concat([sizes, [-1]], axis=0), num=stages + 1)
