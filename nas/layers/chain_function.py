"""Runs a chain of stages as one pure function of its input and its weights.

The weights are flat vectors, so a row of a bank can hold weights of any shapes. The shapes may
differ from call to call: one traced chain serves every kernel size and expansion.
"""

import itertools
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
        affine: `[groups]`, the length of scales, offsets and biases. Consecutive vectors of one
            length, as a normalization has, are one group (`StageForm.vectors`).
        moments: `[groups]`, the length of moving moments.
    """

    kernels: tf.Tensor | np.ndarray
    affine: tf.Tensor | np.ndarray
    moments: tf.Tensor | np.ndarray

    @classmethod
    def of(cls, stages: Sequence[Stage]) -> "ChainShapes":
        """Returns the shapes of the weights of `stages`, as integer arrays."""
        kernels = [kernel.shape for stage in stages for kernel in stage.kernels]
        affine, moments = (
            [length for stage in stages for length, _ in stage_functions.vectors_of(stage, bank)]
            for bank in (Bank.AFFINE, Bank.MOMENTS)
        )
        return cls(
            np.array(kernels, np.int32).reshape(-1, 4),
            np.array(affine, np.int32),
            np.array(moments, np.int32),
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
    counts = [count for form in forms for count in form.vectors[1]]
    *_, padding = _split(weights.moments, tf.multiply(shapes.moments, counts), len(counts))
    return x, tf.concat([*batch_moments, padding], axis=0)


def stage_weights(
    weights: ChainWeights, shapes: ChainShapes, forms: Sequence[StageForm], training: bool
) -> list[dict[str, tf.Tensor]]:
    """Returns the weights of each stage by name, without moments if `training`."""
    affine, moments = zip(*(form.vectors for form in forms), strict=True)
    cut = {
        Bank.AFFINE: iter(_cut_vectors(weights.affine, shapes.affine, affine)),
        Bank.KERNELS: iter(_cut_kernels(weights.kernels, shapes.kernels)),
    }
    if not training:
        cut[Bank.MOMENTS] = iter(_cut_vectors(weights.moments, shapes.moments, moments))
    return [{name: next(cut[bank]) for name, bank in form.weights if bank in cut} for form in forms]


def _cut_kernels(flat: tf.Tensor, shapes: tf.Tensor | np.ndarray) -> list[tf.Tensor]:
    parts = _split(flat, tf.reduce_prod(shapes, axis=1), shapes.shape[0])
    by_kernel = tf.unstack(shapes) if tf.is_tensor(shapes) else shapes
    return [tf.reshape(part, shape) for part, shape in zip(parts[:-1], by_kernel, strict=True)]


def _cut_vectors(
    flat: tf.Tensor, lengths: tf.Tensor | np.ndarray, counts: Sequence[tuple[int, ...]]
) -> list[tf.Tensor]:
    """Returns all vectors; group i has `counts[i]` of length `lengths[i]`, over all stages."""
    joined = list(itertools.chain.from_iterable(counts))
    parts = _split(flat, tf.multiply(lengths, joined), len(joined))
    groups = zip(parts[:-1], joined, strict=True)
    return [row for part, count in groups for row in tf.unstack(tf.reshape(part, [count, -1]))]


def _split(flat: tf.Tensor, sizes: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Splits `flat` into `count` parts of these sizes, and the padding after them, all zeros."""
    return tf.split(flat, tf.concat([sizes, [-1]], axis=0), num=count + 1)
