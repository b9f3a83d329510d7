"""Batches of images that are read together and finished each by itself, on all cores."""

import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

# Batches that are read at a time, images under way for each core, finished batches that wait.
_BATCHES_READ, _IMAGES_A_CORE, _BATCHES_READY = 4, 4, 2


def batches(
    stream: tf.data.Dataset,
    read: Callable[..., Any],
    finish: Callable[[Any], tf.Tensor],
    batch_size: int,
    drop_remainder: bool,
) -> tf.data.Dataset:
    """Batches of finished images and labels, in their order.

    Whoever finishes an image copies it into its batch, so that no core waits while another one
    puts a batch together. Nothing is tuned on the way: all cores are to be busy from the first
    batch on, and keeping the time of every image costs more than it could gain.

    Args:
        stream: of what `read` takes.
        read: gives some images, still to be finished, and their labels.
        finish: makes one image of what was read of it.
        batch_size: images a batch.
        drop_remainder: leave out a last, smaller batch.
    """
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    options.experimental_optimization.map_and_batch_fusion = True
    images = stream.map(read, num_parallel_calls=_BATCHES_READ).unbatch()
    images = images.map(
        lambda image, label: (finish(image), label),
        num_parallel_calls=_IMAGES_A_CORE * (os.cpu_count() or 1),
    )
    finished = images.batch(batch_size, drop_remainder=drop_remainder)
    return finished.prefetch(_BATCHES_READY).with_options(options)
