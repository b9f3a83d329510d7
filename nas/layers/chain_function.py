"""Runs a chain of stages as one pure function of its input and its weights.

The weights are flat vectors, so a row of a bank can hold weights of any shapes. The shapes may
differ from call to call: one traced chain serves every kernel size and expansion.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nas.architecture.operations import Stage
from nas.architecture.operations.weights import Bank
from nas.layers import stage_functions
from nas.layers.stage_functions import StageForm


class ChainWeights(NamedTuple):
    """Weights of one chain, flattened and joined stage after stage; one vector per `Bank`."""

    kernels: tf.Tensor
    affine: tf.Tensor
    moments: tf.Tensor


class ChainShapes(NamedTuple):
    """The shapes of the weights that `ChainWeights` holds flattened.

    Attributes:
        kernels: `[kernels, 4]`, the shape of each kernel.
        affine: `[vectors]`, the length of each scale, offset or bias.
        moments: `[vectors]`, the length of each moving moment.
    """

    kernels: tf.Tensor | np.ndarray
    affine: tf.Tensor | np.ndarray
    moments: tf.Tensor | np.ndarray

    @classmethod
    def of(cls, stages: Sequence[Stage]) -> "ChainShapes":
        """Returns the shapes of the weights of `stages`, as integer arrays."""
        weights = [weight for stage in stages for weight in stage.weights]
        shapes = {bank: [w.shape for w in weights if w.bank is bank] for bank in Bank}
        return cls(
            np.array(shapes[Bank.KERNELS], np.int32).reshape(-1, 4),
            np.array(shapes[Bank.AFFINE], np.int32).reshape(-1),
            np.array(shapes[Bank.MOMENTS], np.int32).reshape(-1),
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
    """Runs the stages one after the other.

    Args:
        x: `[batch, height, width, channels]`.
        forms: the forms of the stages.
        weights: the weights of the stages; values beyond the shapes are padding and are not used.
        shapes: the shapes of the weights, as tensors or arrays.
        training: whether to normalize by the moments of the batch, not by the moving ones.
        synchronized: whether to use the batch of all replicas; `replicas.mean` says where this may
            be called.
        gate: float32 scalar that multiplies the output of a chain whose last stage is linear in its
            gains (`StageForm.is_linear`). In fact it multiplies the gains, so the gradient of the
            gate is a sum over channels of gradients that are computed anyway.

    Returns:
        The output, and the moments of the batch in the layout of `weights.moments`, with its
        padding. Without `training`, these are the moving moments themselves.
    """
    batch_moments: list[tf.Tensor] = []
    stages = stage_weights(weights, shapes, forms, training)
    if gate is not None:
        last = stages[-1]
        for name in forms[-1].gains:
            last[name] = gate * last[name]
    for form, own in zip(forms, stages, strict=True):
        x, moments = stage_functions.run_stage(x, form, own, synchronized)
        batch_moments += moments
    if not training:
        return x, weights.moments
    *_, padding = _split(weights.moments, shapes.moments)
    return x, tf.concat([*batch_moments, padding], axis=0)


def stage_weights(
    weights: ChainWeights, shapes: ChainShapes, forms: Sequence[StageForm], training: bool
) -> list[dict[str, tf.Tensor]]:
    """Returns the weights of each stage by name, without moments if `training`."""
    cut = {
        Bank.KERNELS: iter(_cut_kernels(weights.kernels, shapes.kernels)),
        Bank.AFFINE: iter(_split(weights.affine, shapes.affine)),
    }
    if not training:
        cut[Bank.MOMENTS] = iter(_split(weights.moments, shapes.moments))
    return [{name: next(cut[bank]) for name, bank in form.weights if bank in cut} for form in forms]


def _cut_kernels(flat: tf.Tensor, shapes: tf.Tensor | np.ndarray) -> list[tf.Tensor]:
    parts = _split(flat, tf.reduce_prod(shapes, axis=1), shapes.shape[0])
    by_kernel = tf.unstack(shapes) if tf.is_tensor(shapes) else shapes
    return [tf.reshape(part, shape) for part, shape in zip(parts[:-1], by_kernel, strict=True)]


def _split(
    flat: tf.Tensor, sizes: tf.Tensor | np.ndarray, count: int | None = None
) -> list[tf.Tensor]:
    """Splits `flat` into parts of these sizes; the last part is the padding, all zeros."""
    count = sizes.shape[0] if count is None else count
    return tf.split(flat, tf.concat([sizes, [-1]], axis=0), num=count + 1)
