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
from nas.layers.stage_functions import StageForm, Weights


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
    stages = stage_weights(weights, shapes, forms, training)
    x, found = run_stages(x, forms, stages, synchronized, gate)
    return x, with_padding(found, weights, shapes, forms, training)


def with_padding(
    found: Sequence[tf.Tensor],
    weights: ChainWeights,
    shapes: ChainShapes,
    forms: Sequence[StageForm],
    training: bool,
) -> tf.Tensor:
    """Returns the moments `found` by `run_stages` in the layout of `weights.moments`."""
    if not training:
        return weights.moments
    counts = [count for form in forms for count in form.vectors[1]]
    *_, padding = _split(weights.moments, tf.multiply(shapes.moments, counts), len(counts))
    return tf.concat([*found, padding], axis=0)


def run_stages(
    x: tf.Tensor,
    forms: Sequence[StageForm],
    stages: Sequence[Weights],
    synchronized: bool = False,
    gate: tf.Tensor | None = None,
    mask: tf.Tensor | None = None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Runs stages one after the other, each with its own weights.

    Args:
        x: as for `run_chain`.
        forms: the forms of the stages.
        stages: the weights of each stage by name; moments only to normalize by them.
        synchronized: as for `run_chain`.
        gate: as for `run_chain`.
        mask: float32 `[channels]`. It multiplies the channels of `x` where they are first mixed, so
            that channels with 0 do not change the output. Its gradient is summed in float32.

    Returns:
        The output, and the moments that every stage was normalized by.
    """
    found: list[tf.Tensor] = []
    place = mask_place(forms)
    for i, (form, own) in enumerate(zip(forms, stages, strict=True)):
        if mask is not None and i == place:
            x = masked(x, mask)
        if gate is not None and i == len(forms) - 1:
            own = {**own, **{name: gate * own[name] for name in form.gains}}
        x, moments = stage_functions.run_stage(x, form, own, synchronized)
        found += moments
    return x, found


def mask_place(forms: Sequence[StageForm]) -> int | None:
    """Returns the index of the first stage that mixes channels; None if none does."""
    return next((i for i, form in enumerate(forms) if form.mixes_channels), None)


@tf.custom_gradient
def masked(x: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, object]:
    """Returns `x` `[..., channels]` times a float32 mask `[channels]`."""
    factor = tf.cast(mask, x.dtype)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        product = tf.cast(upstream, tf.float32) * tf.cast(x, tf.float32)
        return upstream * factor, tf.reduce_sum(product, axis=[0, 1, 2])

    return x * factor, gradient


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
    if not count:
        # Outside of a graph, a single part cannot have an unknown size.
        return [flat]
    return tf.split(flat, tf.concat([sizes, [-1]], axis=0), num=count + 1)
