"""The interface of every split of a data set, however its images are kept."""

import abc
import dataclasses
import hashlib
from collections.abc import Iterable
from typing import Any, Protocol, Self

import numpy as np
import tensorflow as tf

from nas.data.images.augmentation import Augmentation
from nas.data.images.photo_augmentation import PhotoAugmentation

# 1000 images of 40x40 pixels, or 32 of 224x224. The limit exists because a Keras model keeps all
# activations of a batch.
_PIXELS_AT_ONCE = 1_606_000


class Reader(Protocol):
    """Reads images in a graph, as used for evaluation."""

    def __call__(self, indices: tf.Tensor, /) -> Any:
        """Returns pixels, or the input of `Split.finisher`.

        Args:
            indices: integers `[n]`, numbers of examples in the split.

        Returns:
            Pixels 0 to 255, of any type, `[n, height, width, channels]`; if the split has a
            finisher, its input for `n` images.
        """


class TrainingReader(Protocol):
    """Reads augmented images in a graph."""

    def __call__(
        self, indices: tf.Tensor, seed: tf.Tensor, first: tf.Tensor | int, total: int, /
    ) -> Any:
        """Returns pixels, or the input of `Split.finisher`.

        Every random number is a function of the seed and of the example's position in the whole
        batch. So hosts that share a batch augment its images as a single host would.

        Args:
            indices: integers `[n]`, numbers of examples in the split.
            seed: two integers; the same seed gives the same result.
            first: position of the first of these examples in the whole batch.
            total: size of the whole batch.

        Returns:
            As from a `Reader`.
        """


class Finisher(Protocol):
    """Turns a reader's output for one image into pixels, in a graph."""

    def __call__(self, image: Any, /) -> tf.Tensor:
        """Returns pixels 0 to 255, of any type, `[height, width, channels]`.

        Args:
            image: a reader's output for one image, its tensors without the first axis.
        """


class Split(abc.ABC):
    """Labelled images of one data set, however they are kept.

    A subclass is a frozen dataclass with the attributes below and its own for the images. It can
    be pickled, since some trainings run in a separate process.

    Attributes:
        labels: int64 `[n]`.
        source: name of the source of the examples, such as a TFDS split; or one name for each
            example, `[n]`.
        positions: int64 `[n]`, number of each example in its source.
        augmentation: random changes that suit these images.
    """

    labels: np.ndarray
    source: str | np.ndarray
    positions: np.ndarray
    augmentation: Augmentation | PhotoAugmentation

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.labels)

    @property
    def ids(self) -> np.ndarray:
        """Strings `[n]` such as `train/123`, stable and unique within the data set."""
        return np.char.add(np.char.add(self.source, "/"), self.positions.astype(str))

    @property
    @abc.abstractmethod
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the network's input."""

    def images_at_once(self, most: int) -> int:
        """Returns the batch size for evaluation: `most`, or fewer if the images are large."""
        height, width, _ = self.input_shape
        return max(1, min(most, _PIXELS_AT_ONCE // (height * width)))

    @abc.abstractmethod
    def take(self, indices: np.ndarray) -> Self:
        """Returns the examples at `indices`, in that order."""

    @abc.abstractmethod
    def join(self, other: "Split") -> Self:
        """Returns these examples, followed by those of another split of the same kind."""

    @abc.abstractmethod
    def resized(self, resolution: int) -> Self:
        """Returns the same examples with images of another height and width, in pixels."""

    def cut(self, sources: Iterable[str]) -> dict[str, Self]:
        """Divides the split by source; returns the examples of each source by its name."""
        parts: dict[str, Any] = {
            name: self.take(np.flatnonzero(self.source == name)) for name in sources
        }
        return {name: dataclasses.replace(part, source=name) for name, part in parts.items()}

    @abc.abstractmethod
    def pixels(self, indices: np.ndarray | slice) -> np.ndarray:
        """Returns images as used for evaluation, uint8 `[n, height, width, channels]`."""

    @abc.abstractmethod
    def image_digests(self) -> list[bytes]:
        """Returns one digest per image; equal images have equal digests."""

    @abc.abstractmethod
    def evaluation_reader(self) -> Reader:
        """Makes the function that reads images for evaluation; call this outside of graphs."""

    @abc.abstractmethod
    def training_reader(self, augmentation: Any) -> TrainingReader:
        """Makes the function that reads augmented images; call this outside of graphs."""

    @property
    def evaluated_share(self) -> float:
        """Side of the square that evaluation takes, over the shorter side of an image."""
        return 1.0

    def finisher(self, augmented: bool) -> Finisher | None:
        """Makes the function that finishes a reader's images; None if readers return pixels.

        Args:
            augmented: whether the images come from the training reader; otherwise they come from
                the evaluation reader.
        """
        return None

    def explain(self, error: Exception) -> str | None:
        """Names the image that caused `error` and its fault; None if no image caused it."""
        return None

    @property
    def digest(self) -> str:
        """Digest of all images and labels, in order."""
        labels = self.labels.astype("<i8").tobytes()
        return hashlib.sha256(b"".join([*self.image_digests(), labels])).hexdigest()

    def _taken(self, indices: np.ndarray) -> dict[str, Any]:
        """Returns the attributes of this class at `indices`."""
        source = self.source if isinstance(self.source, str) else self.source[indices]
        return {
            "labels": self.labels[indices],
            "source": source,
            "positions": self.positions[indices],
        }

    def _joined(self, other: "Split") -> dict[str, Any]:
        """Returns the attributes of this class, followed by those of another split."""
        source: str | np.ndarray = self.source
        if not isinstance(source, str) or source != other.source:
            each = [np.broadcast_to(split.source, len(split)) for split in (self, other)]
            source = np.concatenate(each)
        return {
            "labels": np.concatenate([self.labels, other.labels]),
            "source": source,
            "positions": np.concatenate([self.positions, other.positions]),
        }
