import dataclasses

import numpy as np
import pytest

from nas.data.splits import dataset
from nas.data.splits.dataset import Dataset
from nas.data.splits.memory_split import MemorySplit


def numbered_split(count):
    """A split of different images in two classes."""
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return MemorySplit(images, np.arange(count) % 2, "train", np.arange(count))


def test_a_subset_of_unbalanced_classes_is_as_even_as_they_allow():
    labels = np.array([0] * 20 + [1] * 3 + [2] * 7)
    chosen = dataset.balanced_order(labels, seed=0)[:15]
    np.testing.assert_array_equal(np.bincount(labels[chosen]), [6, 3, 6])


def test_duplicates_are_counted_between_splits():
    split = numbered_split(50)
    made = Dataset(
        "made",
        ("a", "b"),
        train=split.take(np.arange(0, 30)),
        validation=split.take(np.arange(28, 40)),
        test=split.take(np.array([0, 1, 2, 39, 45])),
    )
    assert dataset.count_duplicates(made) == {
        "validation in train": 2,
        "test in train": 3,
        "test in validation": 1,
    }


def test_split_refuses_parts_of_different_length():
    split = numbered_split(50)
    with pytest.raises(ValueError, match="as many labels"):
        dataclasses.replace(split, labels=split.labels[1:])


def test_ids_name_the_source_and_the_place():
    split = numbered_split(50).take(np.array([7, 3]))
    assert list(split.ids) == ["train/7", "train/3"]
    np.testing.assert_array_equal(split.labels, [1, 1])
