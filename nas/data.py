"""Data sets in memory, and the streams of batches that training reads.

Images are stored as uint8 and leave as float32 in [-1, 1]. Preparing a data set on disk is
`nas.data_sources`' work; this module reads what lies there.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from nas import augmentation as augmentation_lib
from nas import chatter, dataset, tfds_layout
from nas.augmentation import Augmentation
from nas.dataset import Dataset, Split

_LARGEST_BYTES = 8 << 30

# Characters and digits change their meaning in a mirror.
_NOT_FLIPPED = ("mnist", "kmnist", "emnist", "qmnist", "mnist_corrupted", "svhn_cropped")

# Keeps the random streams of one seed apart.
_VALIDATION, _SUBSET, _CALIBRATION, _ORDER, _CROPS = range(5)


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
) -> Dataset:
    """Reads a prepared data set into memory; the same arguments give the same examples.

    Args:
        name: TFDS name of a data set of equally sized, labelled images.
        data_dir: where it was prepared; TFDS' own default folder when None.
        validation_size: examples of the architecture-validation split, taken from the training
            examples, equally many of each class as far as there are. At most a fifth of the
            training examples are taken, whatever is asked for.
        seed: picks the validation examples, and those kept under `max_train_examples`.
        max_train_examples: keeps so many of the training examples left after the validation split
            was taken, balanced likewise; 0 keeps all.

    Raises:
        ValueError: the data set is unknown, not prepared, not of this kind, or too large.
    """
    for flag, value in (
        ("validation_size", validation_size),
        ("max_train_examples", max_train_examples),
    ):
        if value < 0:
            raise ValueError(f"{flag}: expected 0 or more, received {value}")
    builder = tfds_layout.prepared_builder(name, data_dir)
    test_split = next(split for split in ("test", "validation") if split in builder.info.splits)
    augmentation = Augmentation(flip=name.split("/")[0] not in _NOT_FLIPPED)
    whole = _read(builder, "train", augmentation)
    validation_size = min(validation_size, len(whole) // 5)
    order = dataset.balanced_order(whole.labels, seed, _VALIDATION)
    validation = whole.take(np.sort(order[:validation_size]))
    train = whole.take(np.sort(order[validation_size:]))
    if 0 < max_train_examples < len(train):
        order = dataset.balanced_order(train.labels, seed, _SUBSET)
        train = train.take(np.sort(order[:max_train_examples]))
    return Dataset(
        name=name,
        class_names=tuple(builder.info.features["label"].names),
        train=train,
        validation=validation,
        test=_read(builder, test_split, augmentation),
    )


def _read(builder, split: str, augmentation: Augmentation) -> Split:
    count = builder.info.splits[split].num_examples
    shape = builder.info.features["image"].shape
    if count * math.prod(shape) > _LARGEST_BYTES:
        raise ValueError(
            f"{builder.name}: expected at most {_LARGEST_BYTES >> 30} GiB of images, which are "
            f"kept in memory; received {count * math.prod(shape) >> 30} GiB"
        )
    images = np.empty((count, *shape), np.uint8)
    labels = np.empty(count, np.int64)
    with chatter.silenced():
        examples = tfds_layout.in_stored_order(builder, split)
        start = 0
        for batch in examples.batch(1000).prefetch(2).as_numpy_iterator():
            end = start + len(batch["label"])
            images[start:end], labels[start:end] = batch["image"], batch["label"]
            start = end
    return Split(images, labels, split, np.arange(count, dtype=np.int64), augmentation)


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
    augment: bool | Augmentation = True,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """An endless stream of shuffled, augmented batches, the same for the same seed.

    Every random number is a function of the seed and the step, so that a stream started at
    `first_step=k` equals, bit for bit, the uninterrupted one from its step k on.

    Args:
        split: where the examples come from. Its images are copied once, to host memory.
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
    with tf.device("CPU"):
        # Tensors: an array would become a constant of the graph, which is ten times slower.
        images, labels = tf.constant(split.images), tf.constant(split.labels)

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
    ) -> tuple[tf.Tensor, tf.Tensor]:
        picked = tf.gather(images, indices)
        if augment:
            draw = _fold(seed, _CROPS, step)
            picked = augmentation_lib.crop_and_flip(picked, augment, draw, first, batch_size)
        return to_float(picked), tf.gather(labels, indices)

    epochs = tf.data.Dataset.counter(first_step // steps)
    indices = epochs.flat_map(epoch_indices).skip(first_step % steps)
    stream = tf.data.Dataset.zip(tf.data.Dataset.counter(first_step), indices)
    if share.total > 1:
        stream = stream.flat_map(slices)
    options = tf.data.Options()
    options.deterministic = True
    stream = stream.map(batch, num_parallel_calls=tf.data.AUTOTUNE)
    return stream.prefetch(tf.data.AUTOTUNE).with_options(options)


def _fold(seed: int, purpose: int, index: tf.Tensor) -> tf.Tensor:
    return tf.random.fold_in(tf.constant([seed, purpose], tf.int64), index)


def to_float(images: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Pixels 0 to 255 as float32 from -1 to 1, as every network here expects them."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def evaluation_batches(split: Split, batch_size: int, count: int | None = None) -> tf.data.Dataset:
    """The first `count` examples (None: all), once, in order, the last batch perhaps smaller.

    Returns:
        Pairs as from `training_batches`, not augmented.
    """
    with tf.device("CPU"):
        images, labels = tf.constant(split.images[:count]), tf.constant(split.labels[:count])
    stream = tf.data.Dataset.from_tensor_slices((images, labels)).batch(batch_size)
    stream = stream.map(lambda image, label: (to_float(image), label))
    return stream.prefetch(tf.data.AUTOTUNE)


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
    return to_float(split.images[chosen]).numpy()
