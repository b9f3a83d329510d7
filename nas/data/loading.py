"""Data sets by name, read from disk into training, validation and test splits.

Preparing a data set on disk is `nas.data.sources`' work.
"""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from nas.data import image_options
from nas.data.folder import folder_images, image_folder
from nas.data.image_options import ImageOptions
from nas.data.splits import dataset
from nas.data.splits.dataset import Dataset
from nas.data.splits.split import Split
from nas.data.tfds import tfds_images, tfds_layout

# Keeps the random streams of one seed apart; `nas.data.batching` has 2 to 4.
_VALIDATION, _SUBSET = 0, 1

_MOST_TEST_EXAMPLES = 10_000


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
