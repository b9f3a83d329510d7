"""A data set: three splits of labelled images that share no example."""

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nas import class_scores
from nas.data.images.depth import Levels
from nas.data.splits.likeness import NO_LIKENESS, Likeness
from nas.data.splits.split import Split

# Reads the encoded images at these indices of a split.
Photos = Callable[[Split, np.ndarray], Iterator[bytes]]


@dataclasses.dataclass(frozen=True)
class FileRecord:
    """One file of an image folder.

    Attributes:
        name: path below the folder.
        digest: digest of its content, in hexadecimal; None if it could not be read.
    """

    name: str
    digest: str | None


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """The splits that a source of images has; `nas.data.loading.load` makes a data set of them.

    Attributes:
        class_names: name of each label.
        train: training split; missing splits are taken from it.
        test: test split; None if the source has none.
        validation: validation split; None if the source has none.
        files: the files, if each image is one file; a split's positions are then indices into it.
        title: name of the data set in messages, if it differs from the requested name.
        likeness: which images show the same picture.
        levels: range of the values of 16-bit images; None if there is none.
        photos: reads the encoded images of a split before they were resized; None if the pixels
            are all there is, or the split keeps them encoded itself.
    """

    class_names: tuple[str, ...]
    train: Split
    test: Split | None
    validation: Split | None = None
    files: tuple[FileRecord, ...] = ()
    title: str | None = None
    likeness: Likeness = NO_LIKENESS
    levels: Levels | None = None
    photos: Photos | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in three splits that share no example.

    Attributes:
        name: TFDS name; `folder:` followed by the name of a folder; or what arrays were called.
        class_names: name of each label.
        train: trains the weights.
        validation: trains the architecture parameters; never contains test examples.
        test: used only at the end.
        files: the files of an image folder; a split's positions are then indices into it.
        content: digest of all images, where neither the name nor the files say which they are.
        levels: range of the values of 16-bit images, which is scaled to 0 to 255; None if there is
            none.
        class_weights: how much each class counts in a loss, one of `class_scores.KINDS`.
        photos: reads the encoded images of a split before they were resized; None if the pixels
            are all there is, or the split keeps them encoded itself.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    files: tuple[FileRecord, ...] = ()
    content: str = ""
    levels: Levels | None = None
    class_weights: str = "none"
    photos: Photos | None = None

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

    def at_resolution(self, resolution: int) -> "Dataset":
        """Returns the same data set with images of another height and width, in pixels."""
        if resolution == self.resolution:
            return self
        parts = {name: getattr(self, name) for name in ("train", "validation", "test")}
        return dataclasses.replace(
            self, **{name: split.resized(resolution) for name, split in parts.items()}
        )

    def without_validation(self) -> "Dataset":
        """Returns the data set for a training that is judged on the validation split afterwards.

        `nas.training.child_training.train` trains on both of the other splits.
        """
        return dataclasses.replace(self, validation=self.validation.take(np.arange(0)))

    @property
    def summary(self) -> dict[str, Any]:
        """Name, shape and sizes, as JSON values, to tell whether two data sets are the same."""
        content: dict[str, Any] = {"content": self.digest} if self.files or self.content else {}
        if self.levels:
            content["levels"] = [*self.levels]
        if self.class_weights != "none":
            content["class_weights"] = self.class_weights
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
        """Digest of labels and file contents in order; differs where the sizes may be the same."""
        digest = hashlib.sha256(self.content.encode())
        for split in (self.train, self.validation):
            digest.update(split.labels.astype("<i8").tobytes())
            for file in self.files_of(split):
                digest.update(f"{file.digest}\n".encode())
        return digest.hexdigest()

    def files_of(self, split: Split) -> list[FileRecord]:
        """Returns the files of a split in its order; empty if the source is no image folder."""
        return [self.files[i] for i in split.positions] if self.files else []

    def weights_in(self, split: Split) -> np.ndarray | None:
        """Returns the weight of each class in a loss over `split`, float32; None if all are 1."""
        return class_scores.weights(split.labels, self.num_classes, self.class_weights)

    @property
    def train_and_validation(self) -> Split:
        """All images outside the test split, on which a child is trained after the search."""
        return self.train.join(self.validation)


def balanced_order(labels: np.ndarray, seed: int, purpose: int = 0) -> np.ndarray:
    """Returns a random order of all examples in which the first k are class-balanced for every k.

    Args:
        labels: `[n]`.
        seed: sets the order.
        purpose: separates different orders of one seed.

    Returns:
        Indices `[n]`. After a class runs out, the order is balanced over the others.
    """
    shuffled = np.random.default_rng([seed, purpose]).permutation(len(labels))
    rank = _rank_in_class(labels[shuffled])
    return shuffled[np.argsort(rank, kind="stable")]


def held_out(
    labels: np.ndarray, order: np.ndarray, count: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Picks class-balanced examples to hold out.

    At most a fifth of each class is taken, or one example of a class of two to four, so that every
    class stays in the training split.

    Args:
        labels: `[n]`.
        order: indices `[n]`, the order in which the examples of a class are picked.
        count: largest number of examples to take.
        groups: integers `[n]`; examples of one group are taken together or not at all, and not at
            all if they belong to several classes. None if each is on its own.

    Returns:
        Indices, ascending.
    """
    if groups is not None and len(np.unique(groups)) < len(groups):
        return _groups_held_out(labels, order, count, groups)
    _, class_of, sizes = np.unique(labels[order], return_inverse=True, return_counts=True)
    most = np.where(sizes >= 2, np.maximum(1, sizes // 5), 0)
    rank = _rank_in_class(labels[order])
    by_rank = np.argsort(rank, kind="stable")
    allowed = by_rank[(rank < most[class_of])[by_rank]]
    return np.sort(order[allowed[:count]])


def _groups_held_out(
    labels: np.ndarray, order: np.ndarray, count: int, groups: np.ndarray
) -> np.ndarray:
    """Picks whole groups; if every example is a group, the same as `held_out` without groups."""
    members: dict[int, list[int]] = {}
    for i in order.tolist():
        members.setdefault(int(groups[i]), []).append(i)
    sizes = np.bincount(labels)
    seen, num_units, units = np.zeros_like(sizes), np.zeros_like(sizes), []
    for unit in members.values():
        classes = np.unique(labels[unit])
        num_units[classes] += 1
        if len(classes) == 1:
            units.append((seen[classes[0]], classes[0], unit))
            seen[classes[0]] += len(unit)
    most = np.where(num_units >= 2, np.maximum(1, sizes // 5), 0)
    chosen: list[int] = []
    taken = np.zeros_like(sizes)
    for _, label, unit in sorted(units, key=lambda entry: entry[0]):
        # A class of few, large groups gives one of them, as long as that is not most of it.
        is_first = most[label] and not taken[label] and 2 * len(unit) <= sizes[label]
        fits = taken[label] + len(unit) <= most[label]
        if (fits or is_first) and len(chosen) + len(unit) <= count:
            taken[label] += len(unit)
            chosen += unit
    return np.sort(np.array(chosen, np.int64))


def _rank_in_class(labels: np.ndarray) -> np.ndarray:
    """Returns for every example how many examples of its class precede it."""
    by_class = np.argsort(labels, kind="stable")
    sorted_labels = labels[by_class]
    rank = np.empty(len(labels), np.int64)
    rank[by_class] = np.arange(len(labels)) - np.searchsorted(sorted_labels, sorted_labels)
    return rank


def count_duplicates(dataset: Dataset) -> dict[str, int]:
    """Counts identical images that occur in two splits.

    Returns:
        For every pair of splits, under a key such as `test in train`, how many images of the first
        also occur in the second.
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
