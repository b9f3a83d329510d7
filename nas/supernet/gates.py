r"""Binary gates: the output of a slot, and the gradients of its gates.

The output of a slot is m(x) = sum_j g_j o_j(x), with one-hot gates g drawn from p = softmax(alpha)
(`nas.choices.sampling`). The gates are samples, so dL/dp_j is approximated by dL/dg_j. Through the
softmax,

    dL/dalpha_i = sum_j dL/dg_j * p_j * (delta_ij - p_i)

(Cai et al. 2019, equations 2-4; the approximation is that of BinaryConnect, Courbariaux et al.
2015).
"""

from collections.abc import Callable

import tensorflow as tf


def inner_product(upstream: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Returns dL/dg_j = sum(dL/dm * o_j(x)) for the output of one candidate, a float32 scalar."""
    product = tf.cast(upstream, tf.float32) * tf.cast(output, tf.float32)
    return tf.reduce_sum(product)


@tf.custom_gradient
def weighted(weight: tf.Tensor, output: tf.Tensor) -> tuple[tf.Tensor, object]:
    """Returns w * o_j(x); the gradient of the weight is summed in float32.

    Args:
        weight: float32 scalar.
        output: `[batch, height, width, channels]`.
    """
    factor = tf.cast(weight, output.dtype)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return inner_product(upstream, output), factor * upstream

    return factor * output, gradient


def gate_with(
    gate_gradients: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    gates: tf.Tensor,
    active: tf.Tensor,
    x: tf.Tensor,
) -> tf.Tensor:
    """Returns the output of the active candidate, and computes the gates' gradient backwards.

    Args:
        gate_gradients: maps dL/dm and `x` to dL/dg `[candidates]`.
        gates: `[candidates]`; used for their gradient only, since their values are one-hot.
        active: o_a(x), `[batch, height, width, channels]`.
        x: input of the slot; no gradient flows into it from here.

    Returns:
        `active`; dL/dm flows into it unchanged.
    """

    @tf.custom_gradient
    def gate(gates: tf.Tensor, active: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, object]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, None]:
            return gate_gradients(upstream, x), upstream, None

        return tf.identity(active), gradient

    return gate(gates, active, tf.stop_gradient(x))


def softmax_gradient(gate_gradients: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Returns dL/dalpha_i = sum_j dL/dg_j p_j (delta_ij - p_i), one row per decision.

    Args:
        gate_gradients: `[rows, n]`, dL/dg_j.
        probabilities: `[rows, n]`; every row sums to one.

    Returns:
        `[rows, n]`; every row sums to zero.
    """
    weighted = gate_gradients * probabilities
    return weighted - probabilities * tf.reduce_sum(weighted, axis=1, keepdims=True)


def scatter_pair(values: tf.Tensor, choices: tf.Tensor, num_candidates: int) -> tf.Tensor:
    """Returns `[rows, num_candidates]`: the two values of each row at `choices`, else zeros."""
    return tf.reduce_sum(values[:, :, None] * tf.one_hot(choices, num_candidates), axis=1)


def rescale_pair(before: tf.Tensor, after: tf.Tensor, choices: tf.Tensor) -> tf.Tensor:
    """Shifts the two updated alphas so that every other candidate keeps its probability.

    Args:
        before: `[rows, options]`, alpha before the update.
        after: `[rows, options]`, alpha after it; only the two chosen columns differ.
        choices: `[rows, 2]`, the two sampled options.

    Returns:
        `after`, shifted in those columns by -log(sum exp after / sum exp before) over the pair
        (appendix of Cai et al. 2019: the path weights of the unsampled stay unchanged).
    """

    def mass(alpha: tf.Tensor) -> tf.Tensor:
        return tf.reduce_logsumexp(tf.gather(alpha, choices, batch_dims=1), axis=1, keepdims=True)

    shift = mass(before) - mass(after)
    return after + scatter_pair(tf.tile(shift, [1, 2]), choices, after.shape[1])
