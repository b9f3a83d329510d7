"""Prepared TFDS data sets, read into splits."""

import math

import numpy as np

from nas import chatter, tfds_layout
from nas.augmentation import Augmentation
from nas.dataset import Parts
from nas.image_options import ImageOptions
from nas.memory_split import MemorySplit

_LARGEST_BYTES = 8 << 30

# Characters and digits change their meaning in a mirror.
_NOT_FLIPPED = ("mnist", "kmnist", "emnist", "qmnist", "mnist_corrupted", "svhn_cropped")


def read(
    name: str,
    data_dir: str | None,
    options: ImageOptions,
    track: tfds_layout.Track = tfds_layout.untracked,
) -> Parts:
    """Reads a prepared data set of labelled images.

    Args:
        name: as TFDS calls it.
        data_dir: where it was prepared; TFDS' own default folder when None.
        options: how its images become arrays of one size.
        track: may show the progress of reading.

    Raises:
        ValueError: the data set is unknown, not prepared, not of this kind, or too large.
    """
    builder = tfds_layout.prepared_builder(name, data_dir)
    test_split = next(split for split in ("test", "validation") if split in builder.info.splits)
    flip = name.split("/")[0] not in _NOT_FLIPPED if options.flip is None else options.flip
    augmentation = Augmentation(flip=flip)
    return Parts(
        class_names=tuple(builder.info.features["label"].names),
        train=_read(builder, "train", augmentation),
        test=_read(builder, test_split, augmentation),
    )


def _read(builder, split: str, augmentation: Augmentation) -> MemorySplit:
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
    return MemorySplit(images, labels, split, np.arange(count, dtype=np.int64), augmentation)
