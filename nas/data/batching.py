"""Batches of a split: shuffled and augmented for training, in order for evaluation.

Pixels are float32 in [-1, 1]. Every random number is a function of the seed and the step.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from nas.data.images.augmentation import Augmentation
from nas.data.images.photo_augmentation import PhotoAugmentation
from nas.data.splits import dataset, one_by_one
from nas.data.splits.split import Finisher, Split, TrainingReader

# Separate the random streams of one seed; `nas.data.loading` uses 0 and 1.
_CALIBRATION, _ORDER, _CROPS = 2, 3, 4
# Finished batches that wait to be read.
_BATCHES_READY = 4


@dataclasses.dataclass(frozen=True)
class Share:
    """The slices of every batch that one host reads for its replicas; all slices are equal in size.

    Attributes:
        first: number of the host's first slice.
        count: number of the host's slices.
        total: number of slices of the whole batch.
    """

    first: int = 0
    count: int = 1
    total: int = 1


WHOLE = Share()


def steps_per_epoch(split: Split, batch_size: int) -> int:
    """Returns the full batches in one epoch; each epoch leaves out other remaining examples.

    Raises:
        ValueError: the split has fewer examples than a batch.
    """
    if not 1 <= batch_size <= len(split):
        raise ValueError(
            f"batch_size: expected 1 to {len(split)} (the examples of the split), "
            f"received {batch_size}"
        )
    return len(split) // batch_size


def training_batches(
    split: Split,
    batch_size: int,
    seed: int,
    *,
    first_step: int = 0,
    augment: bool | Augmentation | PhotoAugmentation = True,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Returns an endless stream of shuffled, augmented batches, the same for the same seed.

    Every random number is a function of the seed and the step. A stream started at `first_step=k`
    therefore equals, bit for bit, the uninterrupted stream from its step k on.

    Args:
        split: the examples.
        batch_size: examples per batch.
        seed: sets order, crops and flips.
        first_step: number of batches to skip.
        augment: False for none, True for the split's own augmentation, or another one.
        share: which slices of every batch to read, one after the other.

    Returns:
        Pairs of images, float32 `[batch_size, height, width, channels]` in [-1, 1], and labels,
        int64 `[batch_size]`. With a share, only its slices of these.
    """
    steps = steps_per_epoch(split, batch_size)
    slice_size = batch_size // share.total
    if augment is True:
        augment = split.augmentation
    read = split.training_reader(augment) if augment else _unaugmented(split)
    finish = split.finisher(augmented=bool(augment))
    with tf.device("CPU"):
        labels = tf.constant(split.labels)

    @tf.autograph.experimental.do_not_convert
    def epoch_indices(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(split)), _fold(seed, _ORDER, epoch)
        )
        batches = tf.reshape(order[: steps * batch_size], [steps, batch_size])
        return tf.data.Dataset.from_tensor_slices(batches)

    @tf.autograph.experimental.do_not_convert
    def slices(step: tf.Tensor, indices: tf.Tensor) -> tf.data.Dataset:
        numbers = tf.range(share.first, share.first + share.count)
        mine = tf.gather(tf.reshape(indices, [share.total, slice_size]), numbers)
        steps = tf.fill([share.count], step)
        return tf.data.Dataset.from_tensor_slices((steps, mine, numbers * slice_size))

    @tf.autograph.experimental.do_not_convert
    def batch(
        step: tf.Tensor, indices: tf.Tensor, first: tf.Tensor | int = 0
    ) -> tuple[Any, tf.Tensor]:
        images = read(indices, _fold(seed, _CROPS, step), first, batch_size)
        return images if finish else to_float(images), tf.gather(labels, indices)

    epochs = tf.data.Dataset.counter(first_step // steps)
    indices = epochs.flat_map(epoch_indices).skip(first_step % steps)
    stream = tf.data.Dataset.zip(tf.data.Dataset.counter(first_step), indices)
    if share.total > 1:
        stream = stream.flat_map(slices)
    if finish:
        return one_by_one.batches(stream, batch, _as_floats(finish), slice_size, True)
    return _made_ready(stream.map(batch, num_parallel_calls=tf.data.AUTOTUNE))


def _fold(seed: int, purpose: int, index: tf.Tensor) -> tf.Tensor:
    return tf.random.fold_in(tf.constant([seed, purpose], tf.int64), index)


def _unaugmented(split: Split) -> TrainingReader:
    read = split.evaluation_reader()
    return lambda indices, seed, first, total: read(indices)


def to_float(images: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Maps pixels from 0..255 to float32 in [-1, 1], the input range of every network here."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def evaluation_batches(split: Split, batch_size: int, count: int | None = None) -> tf.data.Dataset:
    """Returns the first `count` examples (None: all) once, in order; the last batch may be smaller.

    Returns:
        Pairs as from `training_batches`, not augmented.
    """
    read = split.evaluation_reader()
    finish = split.finisher(augmented=False)
    with tf.device("CPU"):
        labels = tf.constant(split.labels)
    total = len(split) if count is None else min(count, len(split))
    stream = tf.data.Dataset.range(total).batch(batch_size)

    @tf.autograph.experimental.do_not_convert
    def batch(indices: tf.Tensor) -> tuple[Any, tf.Tensor]:
        images = read(indices)
        return images if finish else to_float(images), tf.gather(labels, indices)

    if finish:
        return one_by_one.batches(stream, batch, _as_floats(finish), batch_size, False)
    return _made_ready(stream.map(batch, num_parallel_calls=tf.data.AUTOTUNE))


def _made_ready(stream: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the batches in their order, some of them made before they are asked for.

    tf.data's autotuning is off, so all cores make batches. Its thread sleeps for up to a minute
    between two rounds, and where nobody reads the stream any more, the program may have to wait for
    the next one.
    """
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    return stream.prefetch(_BATCHES_READY).with_options(options)


def _as_floats(finish: Finisher) -> Finisher:
    return lambda image: to_float(finish(image))


@contextlib.contextmanager
def named_faults(*splits: Split) -> Iterator[None]:
    """Names the image when one of these splits fails to be decoded.

    Raises:
        ValueError: replaces TensorFlow's error, which does not name the image.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        for split in splits:
            reason = split.explain(error)
            if reason:
                raise ValueError(reason) from error
        raise


def calibration_images(split: Split, count: int, seed: int = 0) -> np.ndarray:
    """Picks class-balanced examples, not augmented, to calibrate quantization ranges.

    Returns:
        float32 `[count, height, width, channels]` in [-1, 1].

    Raises:
        ValueError: the split has fewer than `count` examples.
    """
    if not 1 <= count <= len(split):
        raise ValueError(f"count: expected 1 to {len(split)}, received {count}")
    chosen = dataset.balanced_order(split.labels, seed, _CALIBRATION)[:count]
    return to_float(split.pixels(chosen)).numpy()
