"""Data sets by name, and the streams of batches that training reads.

Pixels leave as float32 in [-1, 1]. Preparing a data set on disk is
`nas.data_sources`' work; this module reads what lies there.
"""

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from nas import (
    dataset,
    folder_images,
    image_folder,
    image_options,
    one_by_one,
    tfds_images,
    tfds_layout,
)
from nas.augmentation import Augmentation
from nas.dataset import Dataset
from nas.image_options import ImageOptions
from nas.photo_augmentation import PhotoAugmentation
from nas.split import Finisher, Split, TrainingReader

# Keeps the random streams of one seed apart.
_VALIDATION, _SUBSET, _CALIBRATION, _ORDER, _CROPS = range(5)

_MOST_TEST_EXAMPLES = 10_000


@dataclasses.dataclass(frozen=True)
class Share:
    """Equal slices of every batch that one host reads for its replicas.

    Attributes:
        first: number of its first slice.
        count: number of its slices.
        total: number of all slices of a batch.
    """

    first: int = 0
    count: int = 1
    total: int = 1


WHOLE = Share()


def load(
    name: str,
    data_dir: str | None = None,
    *,
    validation_size: int = 5000,
    seed: int = 0,
    max_train_examples: int = 0,
    images: ImageOptions = image_options.SUITABLE,
    track: tfds_layout.Track = tfds_layout.untracked,
    report: Callable[[str], None] = lambda line: None,
) -> Dataset:
    """Reads a data set; the same arguments give the same examples.

    A source without a test part gives a fifth of its training examples for it, at most 10,000,
    which do not depend on the seed.

    Args:
        name: TFDS name of a prepared data set of labelled images, or `folder:DIR` with images in
            `DIR/<class>/` or `DIR/<split>/<class>/`.
        data_dir: where it was prepared; TFDS' own default folder when None.
        validation_size: examples of the architecture-validation split, taken from the training
            examples where the source has no such split, equally many of each class as far as
            there are. At most a fifth of each class is taken, whatever is asked for.
        seed: picks the validation examples, and those kept under `max_train_examples`.
        max_train_examples: keeps so many of the training examples left after the validation split
            was taken, balanced likewise; 0 keeps all.
        images: how its images become arrays of one size.
        track: may show the progress of reading, as `track(examples, count, label)`.
        report: is told what was found, a line at a time.

    Raises:
        ValueError: the data set is unknown, not prepared, not of this kind, or too large.
    """
    for flag, value in (
        ("validation_size", validation_size),
        ("max_train_examples", max_train_examples),
    ):
        if value < 0:
            raise ValueError(f"{flag}: expected 0 or more, received {value}")
    if image_folder.is_folder(name):
        parts = folder_images.read(name, data_dir, images, track, report)
    else:
        parts = tfds_images.read(name, data_dir, images, track, report)
    title = parts.title or name
    train, validation, test = parts.train, parts.validation, parts.test
    if test is None:
        train, test = _without_test(train, parts.files)
        report(f"{title}: has no test part; {len(test):,} images are kept apart for it")
    if not len(test):
        raise ValueError(
            f"{title}: expected at least 5 images, to keep a fifth for the test, received "
            f"{len(train)}"
        )
    if validation is None:
        count = min(validation_size, len(train) // 5)
        order = dataset.balanced_order(train.labels, seed, _VALIDATION)
        train, validation = _apart(train, dataset.held_out(train.labels, order, count))
    if 0 < max_train_examples < len(train):
        order = dataset.balanced_order(train.labels, seed, _SUBSET)
        train = train.take(np.sort(order[:max_train_examples]))
    return Dataset(title, parts.class_names, train, validation, test, parts.files)


def _without_test(split: Split, files: Sequence[dataset.FileRecord]) -> tuple[Split, Split]:
    """Training and test part of a data set that comes without the latter.

    Which examples are for the test follows from their names alone: no seed makes a test image of
    what another command trained on, and new files leave most others where they are.
    """
    names = [files[i].name for i in split.positions] if files else split.ids
    keys = [hashlib.sha256(str(name).encode(errors="replace")).digest() for name in names]
    order = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
    count = min(_MOST_TEST_EXAMPLES, len(split) // 5)
    return _apart(split, dataset.held_out(split.labels, order, count))


def _apart(split: Split, chosen: np.ndarray) -> tuple[Split, Split]:
    """What is left of `split`, and the examples chosen."""
    return split.take(np.setdiff1d(np.arange(len(split)), chosen)), split.take(chosen)


def steps_per_epoch(split: Split, batch_size: int) -> int:
    """Full batches in one pass over `split`; the remainder is left out, another one each epoch.

    Raises:
        ValueError: there is not one full batch.
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
    """An endless stream of shuffled, augmented batches, the same for the same seed.

    Every random number is a function of the seed and the step, so that a stream started at
    `first_step=k` equals, bit for bit, the uninterrupted one from its step k on.

    Args:
        split: where the examples come from.
        batch_size: examples a batch.
        seed: picks order, crops and flips.
        first_step: number of batches to leave out.
        augment: False for none, True for what suits the data set, or something else.
        share: which slices of every batch to read, one after the other.

    Returns:
        Pairs of images, float32 `[batch_size, height, width, channels]` in [-1, 1], and labels,
        int64 `[batch_size]`; with a share, its slices of these.
    """
    steps = steps_per_epoch(split, batch_size)
    slice_size = batch_size // share.total
    if augment is True:
        augment = split.augmentation
    read = split.training_reader(augment) if augment else _unaugmented(split)
    finish = split.finisher(augmented=bool(augment))
    with tf.device("CPU"):
        labels = tf.constant(split.labels)

    def epoch_indices(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(split)), _fold(seed, _ORDER, epoch)
        )
        batches = tf.reshape(order[: steps * batch_size], [steps, batch_size])
        return tf.data.Dataset.from_tensor_slices(batches)

    def slices(step: tf.Tensor, indices: tf.Tensor) -> tf.data.Dataset:
        numbers = tf.range(share.first, share.first + share.count)
        mine = tf.gather(tf.reshape(indices, [share.total, slice_size]), numbers)
        steps = tf.fill([share.count], step)
        return tf.data.Dataset.from_tensor_slices((steps, mine, numbers * slice_size))

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
    options = tf.data.Options()
    options.deterministic = True
    stream = stream.map(batch, num_parallel_calls=tf.data.AUTOTUNE)
    return stream.prefetch(tf.data.AUTOTUNE).with_options(options)


def _fold(seed: int, purpose: int, index: tf.Tensor) -> tf.Tensor:
    return tf.random.fold_in(tf.constant([seed, purpose], tf.int64), index)


def _unaugmented(split: Split) -> TrainingReader:
    read = split.evaluation_reader()
    return lambda indices, seed, first, total: read(indices)


def to_float(images: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Pixels 0 to 255 as float32 from -1 to 1, as every network here expects them."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def evaluation_batches(split: Split, batch_size: int, count: int | None = None) -> tf.data.Dataset:
    """The first `count` examples (None: all), once, in order, the last batch perhaps smaller.

    Returns:
        Pairs as from `training_batches`, not augmented.
    """
    read = split.evaluation_reader()
    finish = split.finisher(augmented=False)
    with tf.device("CPU"):
        labels = tf.constant(split.labels)
    total = len(split) if count is None else min(count, len(split))
    stream = tf.data.Dataset.range(total).batch(batch_size)

    def batch(indices: tf.Tensor) -> tuple[Any, tf.Tensor]:
        images = read(indices)
        return images if finish else to_float(images), tf.gather(labels, indices)

    if finish:
        return one_by_one.batches(stream, batch, _as_floats(finish), batch_size, False)
    stream = stream.map(batch, num_parallel_calls=tf.data.AUTOTUNE)
    return stream.prefetch(tf.data.AUTOTUNE)


def _as_floats(finish: Finisher) -> Finisher:
    return lambda image: to_float(finish(image))


@contextlib.contextmanager
def named_faults(*splits: Split) -> Iterator[None]:
    """Says which image it was when one of these splits cannot be decoded.

    Raises:
        ValueError: instead of TensorFlow's error, which knows no names.
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
    """Class-balanced examples, not augmented, for the ranges of quantization.

    Returns:
        float32 `[count, height, width, channels]` in [-1, 1].

    Raises:
        ValueError: the split has fewer than `count` examples.
    """
    if not 1 <= count <= len(split):
        raise ValueError(f"count: expected 1 to {len(split)}, received {count}")
    chosen = dataset.balanced_order(split.labels, seed, _CALIBRATION)[:count]
    return to_float(split.pixels(chosen)).numpy()
