"""Labelled images in memory: a split, and a data set of three that share no example."""

import dataclasses
import hashlib
import itertools
from typing import Any

import numpy as np

from nas.augmentation import Augmentation


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Labelled images, in memory.

    Attributes:
        images: uint8 `[n, height, width, channels]`.
        labels: int64 `[n]`.
        source: name of the TFDS split these examples come from.
        positions: int64 `[n]`, where in that TFDS split each example stands.
        augmentation: what suits the images of this data set.
    """

    images: np.ndarray
    labels: np.ndarray
    source: str
    positions: np.ndarray
    augmentation: Augmentation = Augmentation()

    def __post_init__(self) -> None:
        """Checks that images, labels and positions match."""
        if not len(self.images) == len(self.labels) == len(self.positions):
            raise ValueError(
                f"expected as many labels and positions as images ({len(self.images)}), "
                f"received {len(self.labels)} and {len(self.positions)}"
            )

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.images)

    @property
    def ids(self) -> np.ndarray:
        """Strings `[n]` such as `train/123`: stable, and unique within the data set."""
        return np.char.add(f"{self.source}/", self.positions.astype(str))

    def join(self, other: "Split") -> "Split":
        """These examples, followed by those of another part of the same TFDS split."""
        return dataclasses.replace(
            self,
            images=np.concatenate([self.images, other.images]),
            labels=np.concatenate([self.labels, other.labels]),
            positions=np.concatenate([self.positions, other.positions]),
        )

    def take(self, indices: np.ndarray) -> "Split":
        """The examples at `indices`, in that order."""
        return dataclasses.replace(
            self,
            images=self.images[indices],
            labels=self.labels[indices],
            positions=self.positions[indices],
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A data set cut in three parts that share no example.

    Attributes:
        name: as in TFDS.
        class_names: name of each label.
        train: for weights.
        validation: for architecture parameters; taken from the training examples.
        test: never used before the end.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split

    @property
    def num_classes(self) -> int:
        """Number of labels."""
        return len(self.class_names)

    @property
    def resolution(self) -> int:
        """Height of the images, in pixels."""
        return self.train.images.shape[1]

    @property
    def channels(self) -> int:
        """3 for colour, 1 for gray images."""
        return self.train.images.shape[3]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return tuple(self.train.images.shape[1:])

    @property
    def summary(self) -> dict[str, Any]:
        """Name, shape and sizes, as JSON values: what tells two data sets apart."""
        return {
            "name": self.name,
            "num_classes": self.num_classes,
            "input_shape": list(self.input_shape),
            "train": len(self.train),
            "validation": len(self.validation),
        }

    @property
    def digest(self) -> str:
        """Of the labels in their order: tells apart what `summary` does not."""
        parts = [split.labels.astype("<i8").tobytes() for split in (self.train, self.validation)]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    @property
    def train_and_validation(self) -> Split:
        """All labelled images but the test part; what a child is trained on after the search."""
        return self.train.join(self.validation)


def balanced_order(labels: np.ndarray, seed: int, purpose: int = 0) -> np.ndarray:
    """A random order of all examples, each beginning of which has its classes balanced.

    Args:
        labels: `[n]`.
        seed: picks the order.
        purpose: keeps orders of one seed apart.

    Returns:
        Indices `[n]`. Where a class runs out, the others go on among themselves.
    """
    shuffled = np.random.default_rng([seed, purpose]).permutation(len(labels))
    by_class = np.argsort(labels[shuffled], kind="stable")
    sorted_labels = labels[shuffled][by_class]
    rank_in_class = np.arange(len(labels)) - np.searchsorted(sorted_labels, sorted_labels)
    rank = np.empty(len(labels), np.int64)
    rank[by_class] = rank_in_class
    return shuffled[np.argsort(rank, kind="stable")]


def count_duplicates(dataset: Dataset) -> dict[str, int]:
    """Counts images that stand, byte for byte the same, in two splits.

    Returns:
        For every pair of splits, under a key such as `test in train`, how many images of the first
        also stand in the second.
    """
    digests = {
        name: [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in split.images]
        for name, split in (
            ("train", dataset.train),
            ("validation", dataset.validation),
            ("test", dataset.test),
        )
    }
    counts = {}
    for second, first in itertools.combinations(digests, 2):
        known = set(digests[second])
        counts[f"{first} in {second}"] = sum(digest in known for digest in digests[first])
    return counts
