"""Prepared TFDS data sets of photographs that stay encoded, read into splits."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow_datasets as tfds

from nas import record_index, tfds_layout
from nas.encoded_split import EncodedSplit
from nas.image_options import ImageOptions
from nas.photo_augmentation import PhotoAugmentation

USUAL_RESOLUTION = 224


def read(
    builder: tfds.core.DatasetBuilder,
    splits: Sequence[str],
    flip: bool,
    options: ImageOptions,
    track: tfds_layout.Track = tfds_layout.untracked,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, EncodedSplit]:
    """Splits of a prepared data set; no image is decoded yet.

    Args:
        builder: of the data set.
        splits: names of its splits.
        flip: whether training images are mirrored at random.
        options: how images become arrays of one size; 224x224 where that is not said. With
            `cache="memory"` the encoded images are kept in memory.
        track: may show the progress of the first reading; see `nas.record_index`.
        report: is told what is done to the images.

    Raises:
        ValueError: an image that cannot be read (it is named), files of another format, or less
            memory than asked for.
    """
    image, _ = tfds_layout.image_and_label(builder)
    resolution = options.resolution or options.preferred_resolution or USUAL_RESOLUTION
    found = {}
    for split in splits:
        index = record_index.load(builder, split, track)
        part = EncodedSplit(
            index=index,
            labels=index.labels,
            source=split,
            positions=np.arange(len(index), dtype=np.int64),
            resolution=resolution,
            channels=1 if builder.info.features[image].shape[2] == 1 else 3,
            augmentation=PhotoAugmentation(flip=flip),
        )
        found[split] = part.in_memory() if options.cache == "memory" else part
    count, size = (
        sum(values)
        for values in zip(*((len(p), p.size_bytes) for p in found.values()), strict=True)
    )
    where = "in memory" if options.cache == "memory" else "in their files"
    report(
        f"{count:,} encoded images ({size / 1e9:.3g} GB) {where}; random crops resized to "
        f"{resolution}x{resolution}"
    )
    return found
