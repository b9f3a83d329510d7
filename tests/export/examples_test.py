import numpy as np

from export import examples
from nas.data.splits.dataset import Dataset
from nas.data.splits.memory_split import MemorySplit


def dataset_of(count):
    def split(name):
        images = np.arange(count * 48, dtype=np.uint8).reshape(count, 4, 4, 3)
        return MemorySplit(images, np.arange(count) % 4, name, np.arange(count))

    return Dataset("numbers", tuple("abcd"), split("train"), split("train"), split("test"))


def test_all_test_images_are_compared_where_they_fit():
    found = examples.from_dataset(dataset_of(40))
    assert found.test_images.shape == (40, 4, 4, 3)
    assert len(examples.from_dataset(dataset_of(40), max_test_images=7).test_labels) == 7


def test_of_more_than_fit_a_balanced_selection_is_taken(monkeypatch):
    monkeypatch.setattr(examples, "_MOST_BYTES", 4 * 48 * 12 + 5)
    dataset = dataset_of(40)
    found = examples.from_dataset(dataset)
    np.testing.assert_array_equal(np.bincount(found.test_labels), [3, 3, 3, 3])
    pixels = {image.tobytes() for image in dataset.test.images}
    shown = np.round((found.test_images + 1) * 127.5).astype(np.uint8)
    assert {image.tobytes() for image in shown} < pixels
    # The same images every time: files made earlier stay comparable.
    np.testing.assert_array_equal(
        found.test_images, examples.from_dataset(dataset, seed=5).test_images
    )
