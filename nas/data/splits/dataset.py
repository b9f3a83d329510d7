"""A data set: three splits of labelled images that share no example."""

import dataclasses
import hashlib
import itertools
from typing import Any

import numpy as np

from nas.data.splits.split import Split


@dataclasses.dataclass(frozen=True)
class FileRecord:
    """One file of a folder of images.

    Attributes:
        name: path below the folder.
        digest: of its content, in hexadecimal; None where it could not be read.
    """

    name: str
    digest: str | None


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """What a source of images holds, before `nas.data.loading.load` makes a data set of it.

    Attributes:
        class_names: name of each label.
        train: where the parts that are missing are taken from.
        test: None where the source has none.
        validation: None where the source has none.
        files: where each image is a file of its own; then positions are places here.
        title: what the data set is called, where that is not the name it was asked for by.
    """

    class_names: tuple[str, ...]
    train: Split
    test: Split | None
    validation: Split | None = None
    files: tuple[FileRecord, ...] = ()
    title: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A data set cut in three parts that share no example.

    Attributes:
        name: as in TFDS, or `folder:` and the name of a folder.
        class_names: name of each label.
        train: for weights.
        validation: for architecture parameters; no example of the test part.
        test: never used before the end.
        files: of a folder of images; then positions are places here.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    files: tuple[FileRecord, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of labels."""
        return len(self.class_names)

    @property
    def resolution(self) -> int:
        """Height of the images, in pixels."""
        return self.input_shape[0]

    @property
    def channels(self) -> int:
        """3 for colour, 1 for gray images."""
        return self.input_shape[2]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.train.input_shape

    @property
    def summary(self) -> dict[str, Any]:
        """Name, shape and sizes, as JSON values: what tells two data sets apart."""
        content = {"content": self.digest} if self.files else {}
        return {
            "name": self.name,
            "num_classes": self.num_classes,
            "input_shape": list(self.input_shape),
            "train": len(self.train),
            "validation": len(self.validation),
            **content,
        }

    @property
    def digest(self) -> str:
        """Of the labels in their order and of what files hold: tells apart what sizes do not."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation):
            digest.update(split.labels.astype("<i8").tobytes())
            for file in self.files_of(split):
                digest.update(f"{file.digest}\n".encode())
        return digest.hexdigest()

    def files_of(self, split: Split) -> list[FileRecord]:
        """The files of a split in its order; none where the images are no files."""
        return [self.files[i] for i in split.positions] if self.files else []

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
    rank = _rank_in_class(labels[shuffled])
    return shuffled[np.argsort(rank, kind="stable")]


def held_out(labels: np.ndarray, order: np.ndarray, count: int) -> np.ndarray:
    """Examples to set apart, their classes balanced.

    Of each class a fifth is taken at most, or one example of two to four, so that no class is
    missing where most is learned.

    Args:
        labels: `[n]`.
        order: indices `[n]`, in which the examples of a class are picked.
        count: how many to take, at most.

    Returns:
        Indices, ascending.
    """
    _, class_of, sizes = np.unique(labels[order], return_inverse=True, return_counts=True)
    most = np.where(sizes >= 2, np.maximum(1, sizes // 5), 0)
    rank = _rank_in_class(labels[order])
    by_rank = np.argsort(rank, kind="stable")
    allowed = by_rank[(rank < most[class_of])[by_rank]]
    return np.sort(order[allowed[:count]])


def _rank_in_class(labels: np.ndarray) -> np.ndarray:
    """For every example, how many of its class stand before it."""
    by_class = np.argsort(labels, kind="stable")
    sorted_labels = labels[by_class]
    rank = np.empty(len(labels), np.int64)
    rank[by_class] = np.arange(len(labels)) - np.searchsorted(sorted_labels, sorted_labels)
    return rank


def count_duplicates(dataset: Dataset) -> dict[str, int]:
    """Counts images that stand, exactly the same, in two splits.

    Returns:
        For every pair of splits, under a key such as `test in train`, how many images of the first
        also stand in the second.
    """
    digests = {
        name: split.image_digests()
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
