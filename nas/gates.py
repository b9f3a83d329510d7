r"""Binary gates: sampling paths and the gradient of the architecture parameters.

Every function works on all slots at once. `alpha` is `[slots, candidates]`, padded on the right
where a slot has fewer candidates; `mask` is the same shape, true where a candidate exists.

A slot's output is m(x) = sum_j g_j o_j(x) with one-hot gates g drawn from p = softmax(alpha). The
gates are samples, so dL/dp_j is approximated by dL/dg_j, and through the softmax

    dL/dalpha_i = sum_j dL/dg_j * p_j * (delta_ij - p_i)

(Cai et al. 2019, equations 2-4; the approximation is BinaryConnect's, Courbariaux et al. 2015).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class TwoPaths(NamedTuple):
    """Two different candidates a slot, the first of them active.

    Attributes:
        choices: `[slots, 2]` int32; column 0 is the active candidate.
        probabilities: `[slots, 2]`, softmax over these two candidates alone.
    """

    choices: tf.Tensor
    probabilities: tf.Tensor


def masked_logits(alpha: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """`alpha`, with minus infinity where no candidate stands."""
    return tf.where(mask, alpha, tf.constant(float("-inf"), alpha.dtype))


def path_probabilities(alpha: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Softmax of alpha over each slot's candidates, zero in the padding."""
    return tf.nn.softmax(masked_logits(alpha, mask))


def entropy(alpha: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean entropy of the slots in nats: log(candidates) when undecided, 0 when decided."""
    log_p = tf.where(mask, tf.nn.log_softmax(masked_logits(alpha, mask)), 0.0)
    p = path_probabilities(alpha, mask)
    return -tf.reduce_mean(tf.reduce_sum(p * log_p, axis=1))


def gumbel_noise(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """What makes an argmax a draw: alpha + noise is largest at j with probability p_j."""
    tiny = np.finfo(np.float32).tiny
    uniform = tf.random.stateless_uniform(shape, seed, minval=tiny, maxval=1.0)
    return -tf.math.log(-tf.math.log(uniform))


def sample_path(alpha: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws one candidate a slot from p.

    Args:
        alpha: `[slots, candidates]`.
        mask: `[slots, candidates]` bool.
        seed: `[2]` integers; the same seed draws the same path.

    Returns:
        `[slots]` int32.
    """
    noise = gumbel_noise(tf.shape(alpha), seed)
    return tf.argmax(masked_logits(alpha, mask) + noise, axis=1, output_type=tf.int32)


def sample_two_paths(alpha: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor) -> TwoPaths:
    """Draws two candidates a slot from p without replacement, and the active one of them.

    The two largest of alpha + Gumbel noise are a draw without replacement (Kool et al. 2019);
    the active one is then drawn from their renormalised probabilities.
    """
    noise_seed, active_seed = tf.unstack(tf.random.split(seed, 2))
    noise = gumbel_noise(tf.shape(alpha), noise_seed)
    pair = tf.math.top_k(masked_logits(alpha, mask) + noise, k=2).indices
    q = tf.nn.softmax(tf.gather(alpha, pair, batch_dims=1))
    draw = tf.random.stateless_uniform(tf.shape(q)[:1], active_seed)
    swap = (draw >= q[:, 0])[:, None]
    return TwoPaths(
        tf.where(swap, tf.reverse(pair, [1]), pair), tf.where(swap, tf.reverse(q, [1]), q)
    )


def inner_product(upstream: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """dL/dg_j = sum(dL/dm * o_j(x)) in float32, a scalar, for one candidate's output."""
    product = tf.cast(upstream, tf.float32) * tf.cast(output, tf.float32)
    return tf.reduce_sum(product)


@tf.custom_gradient
def weighted(weight: tf.Tensor, output: tf.Tensor) -> tuple[tf.Tensor, object]:
    """An output weighted, w * o_j(x); the weight's gradient is summed in float32.

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
    """Passes the active candidate's output on; the gates' gradient is computed only backwards.

    Args:
        gate_gradients: maps dL/dm and `x` to dL/dg `[candidates]`.
        gates: `[candidates]`; only their gradient matters, the value is one-hot by definition.
        active: o_a(x), `[batch, height, width, channels]`.
        x: the slot's input; gets no gradient this way.

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
    """dL/dalpha_i = sum_j dL/dg_j p_j (delta_ij - p_i), a slot a row.

    Args:
        gate_gradients: `[slots, n]`, dL/dg_j.
        probabilities: `[slots, n]`, rows summing to one.

    Returns:
        `[slots, n]`; every row sums to zero.
    """
    weighted = gate_gradients * probabilities
    return weighted - probabilities * tf.reduce_sum(weighted, axis=1, keepdims=True)


def scatter_pair(values: tf.Tensor, choices: tf.Tensor, num_candidates: int) -> tf.Tensor:
    """Puts two values a slot into their columns of a `[slots, num_candidates]` matrix of zeros."""
    return tf.reduce_sum(values[:, :, None] * tf.one_hot(choices, num_candidates), axis=1)


def rescale_pair(before: tf.Tensor, after: tf.Tensor, choices: tf.Tensor) -> tf.Tensor:
    """Shifts the two updated alphas so that every other candidate keeps its probability.

    Args:
        before: `[slots, candidates]`, alpha before the update.
        after: the same after it; different from `before` in the two chosen columns alone.
        choices: `[slots, 2]`.

    Returns:
        `after`, shifted by -log(sum exp after / sum exp before) over the pair in those columns
        (appendix of Cai et al. 2019: the path weights of the unsampled stay unchanged).
    """

    def mass(alpha: tf.Tensor) -> tf.Tensor:
        return tf.reduce_logsumexp(tf.gather(alpha, choices, batch_dims=1), axis=1, keepdims=True)

    shift = mass(before) - mass(after)
    return after + scatter_pair(tf.tile(shift, [1, 2]), choices, after.shape[1])
