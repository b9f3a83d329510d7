"""Prepared TFDS data sets, read into splits."""

import dataclasses
import functools
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from nas import chatter
from nas.data.image_options import ImageOptions
from nas.data.images import decoded_cache, decoded_images, examination
from nas.data.images.augmentation import Augmentation
from nas.data.images.decoded_images import Opener, Track
from nas.data.images.depth import Levels
from nas.data.splits import likeness
from nas.data.splits.dataset import Parts, Photos
from nas.data.splits.likeness import Likeness
from nas.data.splits.memory_split import MemorySplit
from nas.data.splits.split import Split
from nas.data.tfds import encoded_images, tfds_layout

# Mirrored characters and digits have another meaning or none.
_NOT_FLIPPED = ("mnist", "kmnist", "emnist", "qmnist", "mnist_corrupted", "svhn_cropped")


def read(
    name: str,
    data_dir: str | None,
    options: ImageOptions,
    track: Track,
    report: Callable[[str], None],
) -> Parts:
    """Reads a prepared data set of labelled images.

    Args:
        name: TFDS name of the data set.
        data_dir: TFDS folder in which it was prepared; None for TFDS' default.
        options: how its images become arrays of one size.
        track: may show the progress of reading.
        report: receives a line that says what was done to images of various sizes.

    Raises:
        ValueError: the data set is unknown, not prepared, has no labelled images, or is too large.
    """
    builder = tfds_layout.prepared_builder(name, data_dir)
    _, label = tfds_layout.image_and_label(builder)
    flip = name.split("/")[0] not in _NOT_FLIPPED if options.flip is None else options.flip
    augmentation = Augmentation(flip=flip)
    sources = _labelled_splits(builder)
    names = list(dict.fromkeys(sources.values()))
    splits: Mapping[str, Split]
    photos: Photos | None = functools.partial(_photos, builder)
    if _stays_encoded(builder, names, options):
        splits, alike, levels = encoded_images.read(builder, names, flip, options, track, report)
        photos = None
    elif _is_read_as_stored(builder, options):
        try:
            splits = {split: _read(builder, split, augmentation) for split in names}
            alike, levels, photos = _equal(splits), None, None
        except tf.errors.InvalidArgumentError:
            # An image is damaged. TFDS does not say which, and cannot leave it out.
            splits, alike, levels = _resized(builder, names, augmentation, options, track, report)
    else:
        splits, alike, levels = _resized(builder, names, augmentation, options, track, report)
    return Parts(
        class_names=tuple(builder.info.features[label].names),
        train=splits[sources["train"]],
        validation=splits[sources["validation"]] if "validation" in sources else None,
        test=splits[sources["test"]] if "test" in sources else None,
        likeness=alike,
        levels=levels,
        photos=photos,
    )


def _equal(splits: Mapping[str, Split]) -> Likeness:
    """Compares images pixel by pixel; nearly equal ones are not looked for."""
    ids = np.concatenate([split.ids for split in splits.values()])
    digests = [digest for split in splits.values() for digest in split.image_digests()]
    return likeness.find(
        ids.tolist(), np.frombuffer(b"".join(digests), np.uint8).reshape(len(ids), -1), None
    )


def _stays_encoded(
    builder: tfds.core.DatasetBuilder, splits: Sequence[str], options: ImageOptions
) -> bool:
    """Returns whether images are decoded for every batch: on request, or if pixels are too many."""
    if options.cache != "auto":
        return options.cache != "pixels"
    shape = builder.info.features[tfds_layout.image_and_label(builder)[0]].shape
    if None not in shape:
        return False
    side = options.resolution or options.preferred_resolution or encoded_images.USUAL_RESOLUTION
    count = sum(builder.info.splits[split].num_examples for split in splits)
    return count * side * side * 3 > decoded_images.LARGEST_BYTES


def _labelled_splits(builder: tfds.core.DatasetBuilder) -> dict[str, str]:
    """Chooses the stored split for `train`, `test` and, if there are three, `validation`.

    A split without labels, such as the test split of a competition, is ignored.
    """
    label = tfds_layout.image_and_label(builder)[1]
    labelled = []
    for split in ("test", "validation"):
        if split in builder.info.splits:
            with chatter.silenced():
                examples = tfds_layout.in_stored_order(builder, split, encoded=True)
                first = next(examples.take(1).as_numpy_iterator(), None)
            if first is not None and first[label] >= 0:
                labelled.append(split)
    return {"train": "train", **dict(zip(("test", "validation"), labelled, strict=False))}


def _is_read_as_stored(builder: tfds.core.DatasetBuilder, options: ImageOptions) -> bool:
    """Returns whether the stored pixels are those that a network gets."""
    image = builder.info.features[tfds_layout.image_and_label(builder)[0]]
    height, width, channels = image.shape
    return (
        None not in image.shape
        and height == width
        and channels in (1, 3)
        and image.np_dtype == np.uint8
        and options.resolution in (None, height)
        and options.num_channels(channels) == channels
    )


def _read(builder: tfds.core.DatasetBuilder, split: str, augmentation: Augmentation) -> MemorySplit:
    image, label = tfds_layout.image_and_label(builder)
    count = builder.info.splits[split].num_examples
    shape = builder.info.features[image].shape
    decoded_images.check_fits(builder.name, count, shape)
    images = np.empty((count, *shape), np.uint8)
    labels = np.empty(count, np.int64)
    with chatter.silenced():
        examples = tfds_layout.in_stored_order(builder, split)
        start = 0
        for batch in examples.batch(1000).prefetch(2).as_numpy_iterator():
            end = start + len(batch[label])
            images[start:end], labels[start:end] = batch[image], batch[label]
            start = end
    return MemorySplit(images, labels, split, np.arange(count, dtype=np.int64), augmentation)


@dataclasses.dataclass(frozen=True)
class _TfdsSource:
    """Several splits of a data set, one after the other, as an `ImageSource`."""

    title: str
    builder: tfds.core.DatasetBuilder
    splits: Sequence[str]

    @property
    def identity(self) -> Any:
        infos = [self.builder.info.splits[split] for split in self.splits]
        sizes = [[info.name, info.num_examples, info.num_bytes] for info in infos]
        return [self.builder.info.full_name, sizes]

    @property
    def names(self) -> Sequence[str]:
        infos = [self.builder.info.splits[split] for split in self.splits]
        return [f"{info.name}/{i}" for info in infos for i in range(info.num_examples)]

    def openers(self) -> Iterator[Opener]:
        image, _ = tfds_layout.image_and_label(self.builder)
        for split in self.splits:
            with chatter.silenced():
                examples = tfds_layout.in_stored_order(self.builder, split, encoded=True)
                contents = examples.map(lambda example: example[image]).prefetch(64)
                iterator = contents.as_numpy_iterator()
            for content in iterator:
                yield _opener(content)

    def labels(self) -> np.ndarray:
        """Returns the labels of all examples, int64."""
        _, label = tfds_layout.image_and_label(self.builder)
        found = []
        with chatter.silenced():
            for split in self.splits:
                examples = tfds_layout.in_stored_order(self.builder, split, encoded=True)
                labels = examples.map(lambda example: example[label]).batch(1000)
                found += list(labels.as_numpy_iterator())
        return np.concatenate(found).astype(np.int64)


def _photos(
    builder: tfds.core.DatasetBuilder, split: Split, indices: np.ndarray
) -> Iterator[bytes]:
    """Yields the encoded images at `indices` of a split, which has one source."""
    image, _ = tfds_layout.image_and_label(builder)
    wanted = split.positions[indices].tolist()
    with chatter.silenced():
        examples = tfds_layout.in_stored_order(builder, str(split.source), encoded=True)
        contents = examples.map(lambda example: example[image]).as_numpy_iterator()
        kept = set(wanted)
        found = {i: content for i, content in enumerate(contents) if i in kept}
    for position in wanted:
        yield found[position]


def _opener(content: bytes) -> Opener:
    return lambda: io.BytesIO(content)


def _resized(
    builder: tfds.core.DatasetBuilder,
    splits: Sequence[str],
    augmentation: Augmentation,
    options: ImageOptions,
    track: Track,
    report: Callable[[str], None],
) -> tuple[dict[str, Split], Likeness, Levels | None]:
    source = _TfdsSource(builder.info.full_name.rpartition("/")[0], builder, splits)
    cache = decoded_cache.folder(str(builder.data_dir_root), source.title, str(builder.data_dir))
    place = cache if options.keep_decoded else None
    examined = examination.load(source, place, options.skip_unreadable, track, report)
    decoded = decoded_cache.load(
        source, options, cache, track, report, None, examined.levels, examined.damaged
    )
    counts = [builder.info.splits[split].num_examples for split in splits]
    whole = MemorySplit(
        images=decoded.images,
        labels=source.labels()[decoded.kept],
        source=np.repeat(splits, counts)[decoded.kept],
        positions=np.concatenate([np.arange(count) for count in counts])[decoded.kept],
        augmentation=augmentation,
    )
    kept = decoded.kept
    alike = likeness.find(whole.ids.tolist(), examined.digests[kept], examined.looks[kept])
    return dict(whole.cut(splits)), alike, examined.levels
