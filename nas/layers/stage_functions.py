"""Stages as pure functions of an input and weights; `STAGE_FUNCTIONS` has a row for each type.

A function is traced for a `StageForm`. The weights determine the sizes, so one traced function
serves every kernel size and every width.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from nas.architecture.operations import Stage
from nas.architecture.operations.weights import Bank
from nas.layers import synchronized_batch_norm

# As in the reference. Its momentum is 0.1 in the convention of PyTorch, which is 0.9 in Keras.
BATCH_NORM_MOMENTUM = 0.9
BATCH_NORM_EPSILON = 1e-3

ACTIVATION_FUNCTIONS: dict[str | None, Callable[[tf.Tensor], tf.Tensor]] = {
    None: tf.identity,
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "hard_swish": lambda x: x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0),
}


def vectors_of(stage: Stage, bank: Bank) -> list[tuple[int, int]]:
    """Returns the lengths of the vectors of `bank`, each with the number that belong together."""
    found: list[tuple[int, int]] = []
    for weight in stage.weights:
        if weight.bank is bank and weight.is_pair:
            length, count = found.pop()
            found.append((length, count + 1))
        elif weight.bank is bank:
            found.append((weight.size, 1))
    return found


class StageForm(NamedTuple):
    """Everything that tracing a stage needs, except its sizes.

    Attributes:
        type: key of `STAGE_FUNCTIONS`.
        stride: 1 or 2.
        activation: key of `ACTIVATION_FUNCTIONS`; None for no activation.
        weights: name and bank of each weight, in the order of the stage.
        vectors: for `Bank.AFFINE` and `Bank.MOMENTS`, how many consecutive vectors have one length.
            A batch normalization has two in each.
        gains: names of the weights in which the stage is linear before its activation.
        is_expansion: whether it is a 1x1 convolution with an activation, which has many more
            outputs than inputs.
        mixes_channels: as in `Stage`.
    """

    type: str
    stride: int
    activation: str | None
    weights: tuple[tuple[str, Bank], ...]
    vectors: tuple[tuple[int, ...], tuple[int, ...]]
    gains: tuple[str, ...] = ()
    is_expansion: bool = False
    mixes_channels: bool = True

    @classmethod
    def of(cls, stage: Stage) -> "StageForm":
        """Returns the form of `stage`."""
        return cls(
            stage.type,
            stage.stride,
            stage.activation,
            tuple((weight.name, weight.bank) for weight in stage.weights),
            (
                tuple(count for _, count in vectors_of(stage, Bank.AFFINE)),
                tuple(count for _, count in vectors_of(stage, Bank.MOMENTS)),
            ),
            stage.gains,
            stage.is_pointwise and stage.activation is not None,
            stage.mixes_channels,
        )

    @property
    def is_linear(self) -> bool:
        """Whether the output is linear in `gains`."""
        return bool(self.gains) and self.activation is None


Weights = Mapping[str, tf.Tensor]
# The output, and the moments of the batch in the order of the stage's weights.
Result = tuple[tf.Tensor, Sequence[tf.Tensor]]
StageFunction = Callable[[tf.Tensor, StageForm, Weights, bool], Result]


def run_stage(
    x: tf.Tensor, form: StageForm, weights: Weights, synchronized: bool = False
) -> Result:
    """Runs one stage.

    Args:
        x: `[batch, height, width, channels]`.
        form: the form of the stage.
        weights: the weights by name. If they include moments, the stage normalizes by these;
            otherwise by the moments of the batch.
        synchronized: whether to use the batch of all replicas; `replicas.mean` says where this may
            be called.

    Returns:
        The output, and the moments it was normalized by, in the order of the stage's weights.
    """
    return STAGE_FUNCTIONS[form.type](x, form, weights, synchronized)


def _conv(x: tf.Tensor, form: StageForm, weights: Weights, synchronized: bool) -> Result:
    kernel = tf.cast(weights["kernel"], x.dtype)
    x = tf.nn.conv2d(x, kernel, form.stride, "SAME")
    return normalize(x, form.activation, weights, synchronized)


def _depthwise(x: tf.Tensor, form: StageForm, weights: Weights, synchronized: bool) -> Result:
    kernel = tf.cast(weights["kernel"], x.dtype)
    x = tf.nn.depthwise_conv2d(x, kernel, [1, form.stride, form.stride, 1], "SAME")
    return normalize(x, form.activation, weights, synchronized)


def _squeeze(x: tf.Tensor, form: StageForm, weights: Weights, synchronized: bool) -> Result:
    del form, synchronized
    own = {name: tf.cast(weight, x.dtype) for name, weight in weights.items()}
    z = tf.reduce_mean(x, axis=[1, 2], keepdims=True)
    z = tf.nn.relu(tf.nn.conv2d(z, own["reduce_kernel"], 1, "SAME") + own["reduce_bias"])
    z = tf.nn.relu6(tf.nn.conv2d(z, own["expand_kernel"], 1, "SAME") + own["expand_bias"])
    return x * z, ()


def _pooled(x: tf.Tensor, form: StageForm, weights: Weights, synchronized: bool) -> Result:
    """Computes in float32, as the classifier after it does."""
    del synchronized
    z = tf.reduce_mean(tf.cast(x, tf.float32), axis=[1, 2], keepdims=True)
    z = tf.nn.conv2d(z, weights["kernel"], 1, "SAME") + weights["bias"]
    return ACTIVATION_FUNCTIONS[form.activation](z), ()


STAGE_FUNCTIONS: dict[str, StageFunction] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "squeeze": _squeeze,
    "pooled": _pooled,
}


def normalize(
    x: tf.Tensor, activation: str | None, weights: Weights, synchronized: bool = False
) -> Result:
    """Applies batch normalization and the activation.

    Args:
        x: `[batch, height, width, channels]`.
        activation: key of `ACTIVATION_FUNCTIONS`.
        weights: `scale` and `offset` `[channels]`; also `mean` and `variance` to normalize by, or
            neither to normalize by the moments of the batch.
        synchronized: whether to use the batch of all replicas.

    Returns:
        The output, and the mean and variance it was normalized by.
    """
    is_training = "mean" not in weights
    scale, offset = weights["scale"], weights["offset"]
    if is_training and synchronized:
        x, mean, variance = synchronized_batch_norm.normalize(x, scale, offset, BATCH_NORM_EPSILON)
        return ACTIVATION_FUNCTIONS[activation](x), (mean, variance)
    empty = tf.zeros([0], tf.float32)
    x, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=scale,
        offset=offset,
        mean=empty if is_training else weights["mean"],
        variance=empty if is_training else weights["variance"],
        epsilon=BATCH_NORM_EPSILON,
        is_training=is_training,
    )
    return ACTIVATION_FUNCTIONS[activation](x), (mean, variance)
