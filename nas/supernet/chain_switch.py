"""Running one of several chains, all of which stand in one graph: the others run on one pixel.

The gradient of a branch that computes keeps all it may ask for until it has been computed, its
graph is made once more for every branch, and nothing in it may wait for other replicas. So here
branches do no more than choose among tensors that exist: `deal` gives the chosen chain its input
and the others a pixel of zeros, `collect` takes the chosen one's output. Each is the other's
gradient, so that the weights of the others have a gradient of zeros; neither copies anything.
"""

from collections.abc import Sequence

import tensorflow as tf


def deal(x: tf.Tensor, chosen: tf.Tensor, count: int) -> list[tf.Tensor]:
    """`x` for number `chosen` of `count`, `[1, 1, 1, channels]` of zeros for every other.

    Args:
        x: `[batch, height, width, channels]`.
        chosen: scalar int32.
        count: how many there are.
    """

    @tf.custom_gradient
    def run(x: tf.Tensor) -> tuple[list[tf.Tensor], object]:
        def gradient(*upstream: tf.Tensor) -> tf.Tensor:
            return _collect(upstream, chosen)

        return _deal(x, chosen, count), gradient

    return run(x)


def collect(parts: Sequence[tf.Tensor], chosen: tf.Tensor) -> tf.Tensor:
    """Number `chosen` of `parts`, each `[batch, height, width, channels]` of its own size.

    Args:
        parts: what became of `deal`'s result.
        chosen: scalar int32.
    """

    @tf.custom_gradient
    def run(*parts: tf.Tensor) -> tuple[tf.Tensor, object]:
        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            return _deal(upstream, chosen, len(parts))

        return _collect(parts, chosen), gradient

    return run(*parts)


def _deal(x: tf.Tensor, chosen: tf.Tensor, count: int) -> list[tf.Tensor]:
    pixel = tf.zeros([1, 1, 1, x.shape[-1]], x.dtype)
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
