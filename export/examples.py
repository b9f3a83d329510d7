"""The images that an export needs for calibration, fine-tuning and comparison."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator

import numpy as np

from nas.data import batching
from nas.data.images.depth import Levels
from nas.data.splits.dataset import Dataset, balanced_order
from nas.data.splits.encoded_split import EncodedSplit
from nas.data.splits.split import Split


@dataclasses.dataclass(frozen=True, eq=False)
class TestPhotos:
    """The photos that test images were made from, before they were cut and resized.

    Attributes:
        indices: numbers of the test images that are tried, `[n]`, class-balanced.
        read: yields their encoded photos, in the same order.
        share: side of the square that the test takes, over the shorter side of a photo.
        levels: range of 16-bit values; None if there are none.
    """

    indices: np.ndarray
    read: Callable[[], Iterator[bytes]]
    share: float
    levels: Levels | None


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Images for one network.

    Attributes:
        test_images: float32 `[count, height, width, channels]` in [-1, 1], for the comparison.
        test_labels: their classes, `[count]`.
        calibration_images: training images, float32, for recipes that calibrate ranges.
        training: training images, for recipes that fine-tune the network.
        class_weights: how much each class counts in their loss; None if all images count alike.
        photos: the photos that some of the test images were made from; None if the test images
            are as they were stored.
    """

    test_images: np.ndarray
    test_labels: np.ndarray
    calibration_images: np.ndarray | None = None
    training: Split | None = None
    class_weights: np.ndarray | None = None
    photos: TestPhotos | None = None


# Limit on the float32 test images in memory: about 7,000 images of 224x224 pixels.
_MOST_BYTES = 4 << 30
# Photos that are also prepared as an app does; decoding one of 12 megapixels takes a fifth of a
# second.
_MOST_PHOTOS = 1000


def from_dataset(
    dataset: Dataset, seed: int = 0, calibration_count: int = 500, max_test_images: int = 0
) -> Examples:
    """Takes the images for an export from a data set.

    Args:
        dataset: data set that the network was trained on.
        seed: picks the calibration images.
        calibration_count: largest number of calibration images.
        max_test_images: number of test images compared, taken from the first; 0 for all. If all
            would take more than 4 GiB, as many as fit are taken, class-balanced.

    Example:
        >>> import export, nas, numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), np.uint8)
        >>> data = nas.dataset_from_arrays(images, np.arange(50) % 2)
        >>> examples = export.examples_from_dataset(data, calibration_count=20)
        >>> examples.test_images.shape, examples.calibration_images.shape
        ((10, 16, 16, 3), (20, 16, 16, 3))
    """
    largest = _MOST_BYTES // (4 * math.prod(dataset.input_shape))
    if max_test_images:
        chosen = np.arange(min(max_test_images, largest, len(dataset.test)))
    else:
        chosen = np.arange(len(dataset.test))
        if len(chosen) > largest:
            chosen = np.sort(balanced_order(dataset.test.labels, 0)[:largest])
    photos = _photos(dataset, chosen)
    calibration_count = min(calibration_count, len(dataset.train))
    return Examples(
        test_images=batching.to_float(dataset.test.pixels(chosen)).numpy(),
        test_labels=dataset.test.labels[chosen],
        calibration_images=batching.calibration_images(dataset.train, calibration_count, seed),
        training=dataset.train_and_validation,
        class_weights=dataset.weights_in(dataset.train_and_validation),
        photos=photos,
    )


def _photos(dataset: Dataset, chosen: np.ndarray) -> TestPhotos | None:
    """Returns the photos of at most `_MOST_PHOTOS` of the chosen test images."""
    test = dataset.test
    tried = np.sort(balanced_order(test.labels[chosen], 0)[:_MOST_PHOTOS])
    if isinstance(test, EncodedSplit):
        read = functools.partial(test.photos, chosen[tried])
    elif dataset.photos is not None:
        read = functools.partial(dataset.photos, test, chosen[tried])
    else:
        return None
    return TestPhotos(tried, read, test.evaluated_share, dataset.levels)
