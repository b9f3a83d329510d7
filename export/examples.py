"""The images that an export measures, trains and compares with."""

import dataclasses
import math

import numpy as np

from nas.data import batching
from nas.data.splits.dataset import Dataset, balanced_order
from nas.data.splits.split import Split


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Images for one network.

    Attributes:
        test_images: float32 `[count, height, width, channels]` in [-1, 1], to compare on.
        test_labels: their classes, `[count]`.
        calibration_images: training images, float32, for recipes that measure ranges.
        training: for recipes that train the network further.
    """

    test_images: np.ndarray
    test_labels: np.ndarray
    calibration_images: np.ndarray | None = None
    training: Split | None = None


# Of float32 test images in memory; 7,000 images of 224x224 pixels.
_MOST_BYTES = 4 << 30


def from_dataset(
    dataset: Dataset, seed: int = 0, calibration_count: int = 500, max_test_images: int = 0
) -> Examples:
    """What an export takes from a data set.

    Args:
        dataset: the one the network was trained on.
        seed: draws the calibration images.
        calibration_count: how many of those, at most.
        max_test_images: test images compared, the first of them; 0 for all, or where these would
            take more than 4 GiB, for as many as do not, their classes balanced.
    """
    largest = _MOST_BYTES // (4 * math.prod(dataset.input_shape))
    if max_test_images:
        chosen = np.arange(min(max_test_images, largest, len(dataset.test)))
    else:
        chosen = np.arange(len(dataset.test))
        if len(chosen) > largest:
            chosen = np.sort(balanced_order(dataset.test.labels, 0)[:largest])
    calibration_count = min(calibration_count, len(dataset.train))
    return Examples(
        test_images=batching.to_float(dataset.test.pixels(chosen)).numpy(),
        test_labels=dataset.test.labels[chosen],
        calibration_images=batching.calibration_images(dataset.train, calibration_count, seed),
        training=dataset.train_and_validation,
    )
