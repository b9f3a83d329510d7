"""Running one of several chains without a branch: the others run on a single pixel.

A branch of a graph keeps everything that its gradient may ask for until that gradient has been
computed, makes both graphs once for every branch, and may hold nothing that waits for other
replicas. Here all chains stand in one graph. `deal` gives the chosen one its input and the others
a pixel of zeros, `collect` takes the chosen one's output; each is the other's gradient, so that
the weights of the others have a gradient of zeros. For the chosen one `deal` copies nothing.
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
    shape = tf.shape(x)
    pixels = tf.reshape(x, [-1, x.shape[-1]])
    parts = []
    for i in range(count):
        is_chosen = tf.equal(chosen, i)
        kept = tf.where(is_chosen, tf.shape(pixels)[0], 0)
        part = tf.pad(pixels[:kept], [[0, tf.where(is_chosen, 0, 1)], [0, 0]])
        size = tf.where(is_chosen, shape, [1, 1, 1, x.shape[-1]])
        parts.append(tf.ensure_shape(tf.reshape(part, size), [None, None, None, x.shape[-1]]))
    return parts


def _collect(parts: Sequence[tf.Tensor], chosen: tf.Tensor) -> tf.Tensor:
    channels = parts[0].shape[-1]
    rows = []
    for i, part in enumerate(parts):
        pixels = tf.reshape(part, [-1, channels])
        rows.append(pixels[: tf.where(tf.equal(chosen, i), tf.shape(pixels)[0], 0)])
    shapes = tf.stack([tf.shape(part) for part in parts])
    whole = tf.reshape(tf.concat(rows, axis=0), tf.gather(shapes, chosen))
    return tf.ensure_shape(whole, [None, None, None, channels])
