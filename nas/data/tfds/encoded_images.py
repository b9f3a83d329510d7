"""Photographs that stay encoded, cut into splits; no image is decoded yet."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow_datasets as tfds

from nas.data.image_options import ImageOptions
from nas.data.images.photo_augmentation import PhotoAugmentation
from nas.data.splits import encoded_split, image_index
from nas.data.splits.encoded_split import EncodedSplit
from nas.data.tfds import record_index, tfds_layout

USUAL_RESOLUTION = 224


def read(
    builder: tfds.core.DatasetBuilder,
    splits: Sequence[str],
    flip: bool,
    options: ImageOptions,
    track: tfds_layout.Track = tfds_layout.untracked,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, EncodedSplit]:
    """Splits of a prepared TFDS data set.

    Args:
        builder: of the data set.
        splits: names of its splits.
        flip: whether training images are mirrored at random.
        options: how images become arrays of one size; 224x224 where that is not said. With
            `cache="memory"` the encoded images are kept in memory.
        track: may show the progress of the first reading; see `nas.data.tfds.record_index`.
        report: is told what is done to the images.

    Raises:
        ValueError: an image that cannot be read (it is named), files of another format, or less
            memory than asked for.
    """
    image, _ = tfds_layout.image_and_label(builder)
    indices = {split: record_index.load(builder, split, track) for split in splits}
    whole = EncodedSplit(
        index=image_index.joined(indices),
        labels=np.concatenate([index.labels for index in indices.values()]),
        source=np.repeat(list(indices), [len(index) for index in indices.values()]),
        positions=np.concatenate([np.arange(len(index)) for index in indices.values()]),
        resolution=options.resolution or options.preferred_resolution or USUAL_RESOLUTION,
        channels=1 if builder.info.features[image].shape[2] == 1 else 3,
        augmentation=PhotoAugmentation(flip=flip),
    )
    return encoded_split.kept(whole, options, report).cut(splits)
