"""Makes a data set of images and labels that are arrays already."""

import hashlib
from collections.abc import Sequence

import numpy as np

from nas.data.images.augmentation import Augmentation
from nas.data.splits.dataset import Dataset
from nas.data.splits.memory_split import MemorySplit

# Every class has at least one example in each split.
_LEAST_OF_A_CLASS = 3


def dataset_from_arrays(
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str] | None = None,
    *,
    validation_fraction: float = 0.2,
    test_fraction: float = 0.2,
    seed: int = 0,
    flip: bool = True,
    name: str = "arrays",
) -> Dataset:
    """Divides images in memory into training, validation and test split.

    Each class is divided by the same fractions, rounded to whole images, and every class has at
    least one image in each split. Always use the same seed for the same images. With another seed,
    test images of one run are training images of the next.

    Args:
        images: uint8 `[count, height, width, channels]`, square, with 1 or 3 channels.
        labels: integers `[count]` or `[count, 1]`, from 0 to the number of classes - 1.
        class_names: name of each label; by default the numbers themselves.
        validation_fraction: share of each class that trains the architecture, above 0.
        test_fraction: share of each class that is used only at the end, above 0.
        seed: sets which images are in which split.
        flip: whether training images are mirrored at random; False for digits or text.
        name: name of the data set in messages and files.

    Raises:
        ValueError: an array has another type or shape, a label has no name, a class has fewer than
            three images, or a fraction is not allowed.

    Example:
        >>> import nas, numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), np.uint8)
        >>> data = nas.dataset_from_arrays(images, np.arange(50) % 2, ["cat", "dog"])
        >>> len(data.train), len(data.validation), len(data.test)
        (30, 10, 10)
        >>> data.num_classes, data.input_shape
        (2, (16, 16, 3))
        >>> np.bincount(data.test.labels)
        array([5, 5])
    """
    images, labels = np.ascontiguousarray(images), np.asarray(labels)
    _check_images(images)
    if labels.shape == (len(images), 1):
        labels = labels[:, 0]
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels: expected {len(images)} integers, one for each image, received "
            f"{labels.dtype} {list(labels.shape)}"
        )
    if class_names is None:
        class_names = [str(label) for label in range(int(labels.max(initial=0)) + 1)]
    _check_classes(labels, class_names)
    _check_fractions(validation_fraction, test_fraction)
    parts: tuple[list[np.ndarray], ...] = ([], [], [])
    generator = np.random.default_rng(seed)
    for label in range(len(class_names)):
        members = generator.permutation(np.flatnonzero(labels == label))
        # Rounding up must leave an image for each of the splits that follow.
        num_test = min(max(1, round(len(members) * test_fraction)), len(members) - 2)
        num_validation = max(1, round(len(members) * validation_fraction))
        num_validation = min(num_validation, len(members) - num_test - 1)
        ends = [len(members) - num_test - num_validation, len(members) - num_test]
        for part, chosen in zip(parts, np.split(members, ends), strict=True):
            part.append(chosen)
    whole = MemorySplit(
        images,
        labels.astype(np.int64),
        name,
        np.arange(len(images)),
        Augmentation(flip=flip),
    )
    train, validation, test = (whole.take(np.sort(np.concatenate(part))) for part in parts)
    content = hashlib.sha256()
    for split in (train, validation, test):
        content.update(split.images.data)
    return Dataset(name, tuple(class_names), train, validation, test, content=content.hexdigest())


def _check_images(images: np.ndarray) -> None:
    expected = "images: expected uint8 [count, height, width, channels] with pixels 0 to 255"
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(f"{expected}, received {images.dtype} {list(images.shape)}")
    _, height, width, channels = images.shape
    if height != width or channels not in (1, 3):
        raise ValueError(
            f"{expected}, square and with 1 or 3 channels, received {list(images.shape)}"
        )


def _check_classes(labels: np.ndarray, class_names: Sequence[str]) -> None:
    count = len(class_names)
    if count < 2:
        raise ValueError(f"class_names: expected at least 2 classes, received {count}")
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= count:
        raise ValueError(
            f"labels: expected 0 to {count - 1}, since there are {count} class names; received "
            f"{labels.min()} to {labels.max()}"
        )
    sizes = np.bincount(labels, minlength=count)
    if sizes.min() < _LEAST_OF_A_CLASS:
        raise ValueError(
            f"labels: expected at least {_LEAST_OF_A_CLASS} images of each class, one for each "
            f"split; received {sizes.min()} of class {class_names[int(sizes.argmin())]}"
        )


def _check_fractions(validation: float, test: float) -> None:
    if not (validation > 0.0 and test > 0.0 and validation + test < 1.0):
        raise ValueError(
            "validation_fraction, test_fraction: expected two numbers above 0 with a sum below 1, "
            f"received {validation} and {test}"
        )
