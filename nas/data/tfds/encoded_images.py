"""Reads photographs of a TFDS data set into splits that keep them encoded."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow_datasets as tfds

from nas.data.image_options import ImageOptions
from nas.data.images import examination
from nas.data.images.depth import Levels
from nas.data.images.photo_augmentation import PhotoAugmentation
from nas.data.splits import encoded_split, image_index, likeness
from nas.data.splits.encoded_split import EncodedSplit
from nas.data.splits.likeness import Likeness
from nas.data.tfds import record_index, tfds_layout
from nas.progress import Track, untracked

USUAL_RESOLUTION = 224


def read(
    builder: tfds.core.DatasetBuilder,
    splits: Sequence[str],
    flip: bool,
    options: ImageOptions,
    track: Track = untracked,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[dict[str, EncodedSplit], Likeness, Levels | None]:
    """Reads splits, which of their images show the same picture, and the range of 16-bit images.

    Args:
        builder: TFDS builder of the data set.
        splits: names of the splits to read.
        flip: whether training images are mirrored at random.
        options: how images become arrays of one size; 224x224 by default. With `cache="memory"`
            the encoded images are kept in memory.
        track: may show the progress of the first pass; see `nas.data.tfds.record_index`.
        report: receives a line that says what is done to the images.

    Raises:
        ValueError: an image cannot be read (the message names it), the files have another format,
            or there is too little memory.
    """
    image, _ = tfds_layout.image_and_label(builder)
    indices = {
        split: record_index.load(builder, split, track, options.skip_unreadable) for split in splits
    }
    whole = EncodedSplit(
        index=image_index.joined(indices),
        labels=np.concatenate([index.labels for index in indices.values()]),
        source=np.repeat(list(indices), [len(index) for index in indices.values()]),
        positions=np.concatenate([np.arange(len(index)) for index in indices.values()]),
        resolution=options.resolution or options.preferred_resolution or USUAL_RESOLUTION,
        channels=options.num_channels(1 if builder.info.features[image].shape[2] == 1 else 3),
        augmentation=PhotoAugmentation(flip=flip),
    )
    damaged = np.concatenate(
        [np.isin(np.arange(len(index)), [*index.damaged]) for index in indices.values()]
    )
    if damaged.any():
        report(f"{builder.name}: {damaged.sum():,} unreadable images left out")
        whole = whole.take(np.flatnonzero(~damaged))
    dark = examination.dark_images(
        np.concatenate([index.ranges for index in indices.values()]), whole.index.title
    )
    if dark:
        report(f"{builder.name}: {dark}")
    rows = whole.rows
    looks = np.concatenate([index.looks for index in indices.values()])
    alike = likeness.find(whole.ids.tolist(), whole.index.digests[rows], looks[rows])
    kept = encoded_split.kept(whole, options, report)
    return kept.cut(splits), alike, whole.index.levels
