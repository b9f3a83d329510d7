"""Path probabilities, and sampling of paths.

Every function works on all decisions at once. `alpha` is `[rows, options]`: one row for the
candidates of every slot, then one for every other decision. It is padded on the right where a row
has fewer options; `mask` has the same shape and is true where an option exists. The probabilities
are p = softmax(alpha), row by row (Cai et al. 2019, section 3.2).
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class TwoPaths(NamedTuple):
    """Two different options per row; the first is active.

    Attributes:
        choices: `[rows, 2]` int32; column 0 is the active one.
        probabilities: `[rows, 2]`, softmax over these two options alone.
    """

    choices: tf.Tensor
    probabilities: tf.Tensor


def masked_logits(alpha: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns `alpha` with minus infinity in the padding."""
    return tf.where(mask, alpha, tf.constant(float("-inf"), alpha.dtype))


def path_probabilities(alpha: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the softmax of alpha over each row's options, zero in the padding."""
    return tf.nn.softmax(masked_logits(alpha, mask))


def entropy(alpha: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the mean entropy of the rows in nats: log(options) if undecided, 0 if decided."""
    log_p = tf.where(mask, tf.nn.log_softmax(masked_logits(alpha, mask)), 0.0)
    p = path_probabilities(alpha, mask)
    return -tf.reduce_mean(tf.reduce_sum(p * log_p, axis=1))


def gumbel_noise(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws Gumbel noise: alpha + noise is largest at candidate j with probability p_j."""
    tiny = np.finfo(np.float32).tiny
    uniform = tf.random.stateless_uniform(shape, seed, minval=tiny, maxval=1.0)
    return -tf.math.log(-tf.math.log(uniform))


def sample_path(alpha: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws one option per row from p.

    Args:
        alpha: `[rows, options]`.
        mask: `[rows, options]` bool.
        seed: `[2]` integers; the same seed draws the same path.

    Returns:
        `[rows]` int32.
    """
    noise = gumbel_noise(tf.shape(alpha), seed)
    return tf.argmax(masked_logits(alpha, mask) + noise, axis=1, output_type=tf.int32)


def sample_two_paths(alpha: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor) -> TwoPaths:
    """Draws two options per row from p without replacement, and one of them as active.

    The two largest values of alpha + Gumbel noise are a draw without replacement (Kool et al.
    2019). The active one is then drawn from their renormalised probabilities.
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
