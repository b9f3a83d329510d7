"""Photographs that stay encoded, cut into splits; no image is decoded yet."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow_datasets as tfds

from nas import image_index, record_index, tfds_layout
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
    """Splits of a prepared TFDS data set.

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
    return kept(whole, options, report).cut(splits)


def kept(whole: EncodedSplit, options: ImageOptions, report: Callable[[str], None]) -> EncodedSplit:
    """The same examples, in memory if that is asked for.

    Args:
        whole: all examples of a data set.
        options: with `cache="memory"` the encoded images are read into memory.
        report: is told where they are and what is done to them.

    Raises:
        ValueError: less memory than asked for.
    """
    in_memory = options.cache == "memory"
    where = "in memory" if in_memory else "in their files"
    side = whole.resolution
    report(
        f"{len(whole):,} encoded images ({whole.size_bytes / 1e9:.3g} GB) {where}; random crops "
        f"resized to {side}x{side}"
    )
    return whole.in_memory() if in_memory else whole
