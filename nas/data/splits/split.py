"""What every split of a data set promises, however its images are kept."""

import abc
import dataclasses
import hashlib
from collections.abc import Iterable
from typing import Any, Protocol, Self

import numpy as np
import tensorflow as tf

from nas.data.images.augmentation import Augmentation
from nas.data.images.photo_augmentation import PhotoAugmentation

# 1000 images of 40x40 pixels, or 32 of 224x224: a Keras model keeps all activations of a batch.
_PIXELS_AT_ONCE = 1_606_000


class Reader(Protocol):
    """Gives images in a graph, as a network is evaluated on them."""

    def __call__(self, indices: tf.Tensor, /) -> Any:
        """Pixels 0 to 255, of any type, `[n, height, width, channels]`, or what `finisher` takes.

        Args:
            indices: integers `[n]`, which examples of the split.
        """


class TrainingReader(Protocol):
    """Gives augmented images in a graph."""

    def __call__(
        self, indices: tf.Tensor, seed: tf.Tensor, first: tf.Tensor | int, total: int, /
    ) -> Any:
        """Pixels 0 to 255, of any type, `[n, height, width, channels]`, or what `finisher` takes.

        Every random number is a function of the seed and of the place in the batch, `first` and on
        of `total`, so that hosts that share a batch treat its images as one host would.

        Args:
            indices: integers `[n]`, which examples of the split.
            seed: two integers; the same seed gives the same result.
            first: place of the first of these examples in the whole batch.
            total: size of the whole batch.
        """


class Finisher(Protocol):
    """What is still to be done with each image by itself, in a graph."""

    def __call__(self, image: Any, /) -> tf.Tensor:
        """Pixels 0 to 255, of any type, `[height, width, channels]`.

        Args:
            image: what a reader gave for one image, its tensors without the first axis.
        """


class Split(abc.ABC):
    """Labelled images of one data set, however they are kept.

    A subclass is a frozen dataclass with the attributes below and how its images are kept; it
    can be pickled, since some trainings run in a process of their own.

    Attributes:
        labels: int64 `[n]`.
        source: name of the source that the examples come from, such as a TFDS split; or one name
            for each example, `[n]`.
        positions: int64 `[n]`, where in its source each example stands.
        augmentation: what suits the images of this data set.
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
        """Strings `[n]` such as `train/123`: stable, and unique within the data set."""
        return np.char.add(np.char.add(self.source, "/"), self.positions.astype(str))

    @property
    @abc.abstractmethod
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels of what a network is given."""

    def images_at_once(self, most: int) -> int:
        """Images a batch where a network is only evaluated: `most`, fewer of large images."""
        height, width, _ = self.input_shape
        return max(1, min(most, _PIXELS_AT_ONCE // (height * width)))

    @abc.abstractmethod
    def take(self, indices: np.ndarray) -> Self:
        """The examples at `indices`, in that order."""

    @abc.abstractmethod
    def join(self, other: "Split") -> Self:
        """These examples, followed by those of another split of the same kind."""

    def cut(self, sources: Iterable[str]) -> dict[str, Self]:
        """The examples of each source, by its name."""
        parts: dict[str, Any] = {
            name: self.take(np.flatnonzero(self.source == name)) for name in sources
        }
        return {name: dataclasses.replace(part, source=name) for name, part in parts.items()}

    @abc.abstractmethod
    def pixels(self, indices: np.ndarray | slice) -> np.ndarray:
        """Images as a network is evaluated on them, uint8 `[n, height, width, channels]`."""

    @abc.abstractmethod
    def image_digests(self) -> list[bytes]:
        """One digest an image: equal for equal images."""

    @abc.abstractmethod
    def evaluation_reader(self) -> Reader:
        """Makes the function that gives images for evaluation; call it outside of graphs."""

    @abc.abstractmethod
    def training_reader(self, augmentation: Any) -> TrainingReader:
        """Makes the function that gives augmented images; call it outside of graphs."""

    def finisher(self, augmented: bool) -> Finisher | None:
        """What is to be done after a reader, image by image; None where readers give pixels.

        Args:
            augmented: after the training reader; otherwise after the one for evaluation.
        """
        return None

    def explain(self, error: Exception) -> str | None:
        """What is wrong with which image, where an error came from one; None where not."""
        return None

    @property
    def digest(self) -> str:
        """Of all images and labels in their order."""
        labels = self.labels.astype("<i8").tobytes()
        return hashlib.sha256(b"".join([*self.image_digests(), labels])).hexdigest()

    def _taken(self, indices: np.ndarray) -> dict[str, Any]:
        """The attributes of this class at `indices`."""
        source = self.source if isinstance(self.source, str) else self.source[indices]
        return {
            "labels": self.labels[indices],
            "source": source,
            "positions": self.positions[indices],
        }

    def _joined(self, other: "Split") -> dict[str, Any]:
        """The attributes of this class, followed by those of another split."""
        source: str | np.ndarray = self.source
        if not isinstance(source, str) or source != other.source:
            each = [np.broadcast_to(split.source, len(split)) for split in (self, other)]
            source = np.concatenate(each)
        return {
            "labels": np.concatenate([self.labels, other.labels]),
            "source": source,
            "positions": np.concatenate([self.positions, other.positions]),
        }
