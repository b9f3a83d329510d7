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

# The channels of a pixel for each chain, where they differ from those of the chosen chain.
Channels = Sequence[int | None]


def deal(x: tf.Tensor, chosen: tf.Tensor, idle: Channels) -> list[tf.Tensor]:
    """Returns one input per chain: `x` for the chosen one, zeros `[1, 1, 1, channels]` for others.

    Args:
        x: `[batch, height, width, channels]`.
        chosen: scalar int32, index of the chosen chain.
        idle: for each chain the channels of its zeros; None for those of `x`.
    """

    @tf.custom_gradient
    def run(x: tf.Tensor) -> tuple[list[tf.Tensor], object]:
        def gradient(*upstream: tf.Tensor) -> tf.Tensor:
            return _collect(upstream, chosen, idle)

        return _deal(x, chosen, idle), gradient

    return run(x)


def collect(parts: Sequence[tf.Tensor], chosen: tf.Tensor, idle: Channels) -> tf.Tensor:
    """Returns the output of the chosen chain.

    Args:
        parts: the outputs of all chains on the inputs from `deal`, each `[batch, height, width,
            channels]` with its own batch, height and width.
        chosen: scalar int32, index of the chosen chain.
        idle: for each chain the channels of its output if it is not chosen; None for those of the
            chosen one.
    """

    @tf.custom_gradient
    def run(*parts: tf.Tensor) -> tuple[tf.Tensor, object]:
        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            return _deal(upstream, chosen, idle)

        return _collect(parts, chosen, idle), gradient

    return run(*parts)


def _deal(x: tf.Tensor, chosen: tf.Tensor, idle: Channels) -> list[tf.Tensor]:
    # The number of channels is unknown while tracing if it is a decision.
    own = x.shape[-1] or tf.shape(x)[-1]
    pixels = {
        channels: tf.zeros(tf.stack([1, 1, 1, channels or own]), x.dtype) for channels in set(idle)
    }
    found = []
    for i, channels in enumerate(idle):
        pixel = pixels[channels]
        part = tf.cond(
            tf.equal(chosen, i), lambda: tf.identity(x), lambda pixel=pixel: tf.identity(pixel)
        )
        found.append(part if channels else _with_channels(part, x))
    return found


def _collect(parts: Sequence[tf.Tensor], chosen: tf.Tensor, idle: Channels) -> tf.Tensor:
    branches = [lambda part=part: tf.identity(part) for part in parts]
    y = tf.switch_case(chosen, branches)
    return y if any(idle) else _with_channels(y, parts[0])


def _with_channels(y: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    y.set_shape([*y.shape[:3], like.shape[-1]])
    return y
