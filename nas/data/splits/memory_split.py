"""A split whose images are pixels in memory."""

import dataclasses
import hashlib

import numpy as np
import tensorflow as tf

from nas.data.images import augmentation as augmentation_lib
from nas.data.images import decoding
from nas.data.images.augmentation import Augmentation
from nas.data.splits.split import Reader, Split, TrainingReader


@dataclasses.dataclass(frozen=True, eq=False)
class MemorySplit(Split):
    """Labelled images of one size, decoded.

    Attributes:
        images: uint8 `[n, height, width, channels]`.
        labels: int64 `[n]`.
        source: name of the source of the examples; or one name for each, `[n]`.
        positions: int64 `[n]`, number of each example in its source.
        augmentation: random changes that suit these images.
    """

    images: np.ndarray
    labels: np.ndarray
    source: str | np.ndarray
    positions: np.ndarray
    augmentation: Augmentation = Augmentation()

    def __post_init__(self) -> None:
        """Checks that images, labels and positions match."""
        if not len(self.images) == len(self.labels) == len(self.positions):
            raise ValueError(
                f"expected as many labels and positions as images ({len(self.images)}), "
                f"received {len(self.labels)} and {len(self.positions)}"
            )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return tuple(self.images.shape[1:])

    def take(self, indices: np.ndarray) -> "MemorySplit":
        """Returns the examples at `indices`, in that order."""
        return dataclasses.replace(self, images=self.images[indices], **self._taken(indices))

    def join(self, other: Split) -> "MemorySplit":
        """Returns these examples, followed by those of another split in memory."""
        if not isinstance(other, MemorySplit):
            raise TypeError(f"expected a split in memory, received {type(other).__name__}")
        images = np.concatenate([self.images, other.images])
        return dataclasses.replace(self, images=images, **self._joined(other))

    def resized(self, resolution: int) -> "MemorySplit":
        """Returns the same examples with resized images, which are copied."""
        return dataclasses.replace(self, images=decoding.resized(self.images, resolution))

    def pixels(self, indices: np.ndarray | slice) -> np.ndarray:
        """Returns the images at `indices`, uint8."""
        return self.images[indices]

    def image_digests(self) -> list[bytes]:
        """Returns one digest per image, of its pixels."""
        return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in self.images]

    def evaluation_reader(self) -> Reader:
        """Makes the function that picks images; all images are first copied to host memory."""
        images = self._tensor()
        return lambda indices: tf.gather(images, indices)

    def training_reader(self, augmentation: Augmentation) -> TrainingReader:
        """Makes the function that picks, crops and flips images; all are first copied to memory."""
        images = self._tensor()

        def read(
            indices: tf.Tensor, seed: tf.Tensor, first: tf.Tensor | int, total: int
        ) -> tf.Tensor:
            picked = tf.gather(images, indices)
            return augmentation_lib.crop_and_flip(picked, augmentation, seed, first, total)

        return read

    def _tensor(self) -> tf.Tensor:
        with tf.device("CPU"):
            # A NumPy array would become a constant of the graph, which is ten times slower.
            return tf.constant(self.images)
