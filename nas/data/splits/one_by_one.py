"""Makes batches of images that are read together and decoded one by one, on all cores."""

import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

# Batches read at the same time, images in work per core, and finished batches in the queue.
_BATCHES_READ, _IMAGES_A_CORE, _BATCHES_READY = 4, 4, 2


def batches(
    stream: tf.data.Dataset,
    read: Callable[..., Any],
    finish: Callable[[Any], tf.Tensor],
    batch_size: int,
    drop_remainder: bool,
) -> tf.data.Dataset:
    """Returns batches of finished images and labels, in the order of the stream.

    The thread that finishes an image also copies it into its batch, so that no core waits while
    another assembles a batch. tf.data's autotuning is off: all cores should be busy from the first
    batch on, and timing every image costs more than tuning could gain.

    Args:
        stream: elements that are passed to `read`.
        read: returns several unfinished images and their labels.
        finish: turns one unfinished image into pixels.
        batch_size: images per batch.
        drop_remainder: whether a last, smaller batch is left out.
    """
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    options.experimental_optimization.map_and_batch_fusion = True
    # Nothing here depends on AutoGraph, which would read and compile every function again.
    plain = tf.autograph.experimental.do_not_convert
    images = stream.map(plain(read), num_parallel_calls=_BATCHES_READ).unbatch()
    images = images.map(
        plain(lambda image, label: (finish(image), label)),
        num_parallel_calls=_IMAGES_A_CORE * (os.cpu_count() or 1),
    )
    finished = images.batch(batch_size, drop_remainder=drop_remainder)
    return finished.prefetch(_BATCHES_READY).with_options(options)
