"""Reads data sets by name from disk into training, validation and test splits.

`nas.data.sources` prepares a data set on disk.
"""

import hashlib
from collections.abc import Callable, Iterator

import numpy as np

from nas import class_scores
from nas.data import image_options
from nas.data.folder import folder_images, image_folder, naming
from nas.data.image_options import ImageOptions
from nas.data.splits import dataset, leaks
from nas.data.splits.dataset import Dataset
from nas.data.splits.split import Split
from nas.data.tfds import tfds_images
from nas.progress import Track, untracked

# Separate the random streams of one seed; `nas.data.batching` uses 2 to 4.
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
    track: Track = untracked,
    report: Callable[[str], None] = lambda line: None,
) -> Dataset:
    """Reads a data set; the same arguments give the same examples.

    If the source has no test split, a fifth of its training examples, at most 10,000, becomes the
    test split. Which examples these are does not depend on the seed.

    Args:
        name: TFDS name of a prepared data set of labelled images, or `folder:DIR` with images in
            `DIR/<class>/` or `DIR/<split>/<class>/`.
        data_dir: TFDS folder in which it was prepared; None for TFDS' default.
        validation_size: examples of the architecture-validation split. If the source has no such
            split, they are taken from the training examples, equally many of each class as far as
            possible, and never more than a fifth of a class.
        seed: picks the validation examples, and those kept by `max_train_examples`.
        max_train_examples: keeps this many of the training examples left after the validation split
            was taken, balanced likewise; 0 keeps all.
        images: how its images become arrays of one size.
        track: may show the progress of reading, as `track(examples, count, label)`.
        report: receives lines that describe the data set.

    Raises:
        ValueError: the data set is unknown, not prepared, has no labelled images, or is too large.

    Example:
        >>> import nas, numpy as np, pathlib, tempfile
        >>> from PIL import Image
        >>> rng = np.random.default_rng(0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for label, least in (("dark", 0), ("light", 128)):
        ...         pathlib.Path(folder, label).mkdir()
        ...         for i in range(10):
        ...             pixels = rng.integers(least, least + 128, (16, 16, 3), np.uint8)
        ...             Image.fromarray(pixels).save(f"{folder}/{label}/{i}.png")
        ...     data = nas.load_dataset(f"folder:{folder}", data_dir=folder)
        >>> data.class_names, len(data.train), len(data.validation), len(data.test)
        (('dark', 'light'), 14, 2, 4)
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
        train, test = _without_test(train, parts)
        report(f"{title}: has no test split; {len(test):,} images are held out for it")
    if parts.levels:
        report(f"{title}: {parts.levels.describe()}")
    if not len(test):
        raise ValueError(f"{title}: {_why_no_test(train.labels)}")
    if validation is None:
        count = min(validation_size, len(train) // 5)
        order = dataset.balanced_order(train.labels, seed, _VALIDATION)
        groups = parts.likeness.of(train)
        train, validation = _apart(train, dataset.held_out(train.labels, order, count, groups))
    splits = {"train": train, "validation": validation, "test": test}
    for line in _without_images(splits, parts):
        report(f"{title}: {line}")
    for line in leaks.describe(splits, parts.likeness, parts.class_names, _naming(parts)):
        report(f"{title}: {line}")
    uneven = class_scores.caution(train.labels, parts.class_names, images.class_weights)
    if uneven:
        report(f"{title}: {uneven}")
    if 0 < max_train_examples < len(train):
        order = dataset.balanced_order(train.labels, seed, _SUBSET)
        train = train.take(np.sort(order[:max_train_examples]))
    return Dataset(
        title,
        parts.class_names,
        train,
        validation,
        test,
        parts.files,
        levels=parts.levels,
        class_weights=images.class_weights,
        photos=parts.photos,
    )


def _naming(parts: dataset.Parts) -> Callable[[Split, int], str]:
    """Returns a function that names an image in messages."""
    if parts.files:
        return lambda split, i: naming.printable(parts.files[split.positions[i]].name)
    return lambda split, i: str(split.ids[i])


def _without_images(splits: dict[str, Split], parts: dataset.Parts) -> Iterator[str]:
    """Yields a line for each split made here that has no image of some classes."""
    sizes = {
        name: np.bincount(split.labels, minlength=len(parts.class_names))
        for name, split in splits.items()
    }
    for name, given in (("validation", parts.validation), ("test", parts.test)):
        lacking = np.flatnonzero((sizes[name] == 0) & (sizes["train"] > 0))
        if given is None and len(splits[name]) and len(lacking):
            names = naming.shortened(parts.class_names[i] for i in lacking)
            yield (
                f"{name} has no image of {names}, of which there are too few different ones to "
                "hold some out"
            )


def _without_test(split: Split, parts: dataset.Parts) -> tuple[Split, Split]:
    """Divides the training examples of a data set without a test split into training and test.

    The test examples are chosen by their names alone. So no seed can put an image into the test
    split that another command trained on, and after adding files most others keep their split.
    """
    files = parts.files
    names = [files[i].name for i in split.positions] if files else split.ids
    keys = [hashlib.sha256(str(name).encode(errors="replace")).digest() for name in names]
    order = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
    count = min(_MOST_TEST_EXAMPLES, len(split) // 5)
    groups = parts.likeness.of(split)
    return _apart(split, dataset.held_out(split.labels, order, count, groups))


def _apart(split: Split, chosen: np.ndarray) -> tuple[Split, Split]:
    """Divides `split` into the other examples and those at `chosen`."""
    return split.take(np.setdiff1d(np.arange(len(split)), chosen)), split.take(chosen)


def _why_no_test(labels: np.ndarray) -> str:
    """Says why no image of these classes can be held out for the test."""
    if np.bincount(labels, minlength=1).max() <= 1:
        return (
            f"expected two images or more of a class, received one image of each of {len(labels)} "
            "classes: an image held out for the test would leave its class without one to learn "
            "from; add images"
        )
    return (
        "expected at least 5 images, of which a fifth is held out for the test, received "
        f"{len(labels)}; add images"
    )
