"""Runs one of several chains that are all in one graph. The others run on one pixel of zeros.

If a `tf.cond` branch contained the computation, its gradient would keep every intermediate tensor
and repeat the graph for every branch, and nothing in it could wait for other replicas. Here,
branches only choose among tensors that exist: `deal` gives the input to the chosen chain and a
pixel of zeros to the others, and `collect` returns the output of the chosen chain. Each is the
gradient of the other, so the weights of the other chains get a gradient of zeros. Neither copies a
tensor.
"""

from collections.abc import Sequence

import tensorflow as tf


def deal(x: tf.Tensor, chosen: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Returns one input per chain: `x` for the chosen one, zeros `[1, 1, 1, channels]` for others.

    Args:
        x: `[batch, height, width, channels]`.
        chosen: scalar int32, index of the chosen chain.
        count: number of chains.
    """

    @tf.custom_gradient
    def run(x: tf.Tensor) -> tuple[list[tf.Tensor], object]:
        def gradient(*upstream: tf.Tensor) -> tf.Tensor:
            return _collect(upstream, chosen)

        return _deal(x, chosen, count), gradient

    return run(x)


def collect(parts: Sequence[tf.Tensor], chosen: tf.Tensor) -> tf.Tensor:
    """Returns the output of the chosen chain.

    Args:
        parts: the outputs of all chains on the inputs from `deal`, each `[batch, height, width,
            channels]` with its own batch, height and width.
        chosen: scalar int32, index of the chosen chain.
    """

    @tf.custom_gradient
    def run(*parts: tf.Tensor) -> tuple[tf.Tensor, object]:
        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            return _deal(upstream, chosen, len(parts))

        return _collect(parts, chosen), gradient

    return run(*parts)


def _deal(x: tf.Tensor, chosen: tf.Tensor, count: int) -> list[tf.Tensor]:
    # The number of channels is unknown while tracing if it is a decision.
    channels = x.shape[-1] or tf.shape(x)[-1]
    pixel = tf.zeros(tf.stack([1, 1, 1, channels]), x.dtype)
    return [
        _with_channels(tf.cond(tf.equal(chosen, i), lambda: tf.identity(x), lambda: pixel), x)
        for i in range(count)
    ]


def _collect(parts: Sequence[tf.Tensor], chosen: tf.Tensor) -> tf.Tensor:
    branches = [lambda part=part: tf.identity(part) for part in parts]
    return _with_channels(tf.switch_case(chosen, branches), parts[0])


def _with_channels(y: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    y.set_shape([*y.shape[:3], like.shape[-1]])
    return y
