import dataclasses
import itertools

import numpy as np
import pytest

from nas.data import batching, loading
from nas.data.images.augmentation import Augmentation
from nas.data.splits.memory_split import MemorySplit


def numbered_split(count=50, size=8, num_classes=5):
    """A split of different images; example i has class i % num_classes."""
    images = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)
    labels = np.arange(count) % num_classes
    return MemorySplit(images, labels, "train", np.arange(count))


def batches(stream, count):
    return list(itertools.islice(stream.as_numpy_iterator(), count))


@pytest.fixture(scope="module")
def fashion(fashion_data_dir):
    return loading.load("fashion_mnist", fashion_data_dir, validation_size=100)


def test_load_describes_the_data_set(fashion):
    assert (fashion.num_classes, fashion.resolution, fashion.channels) == (10, 28, 1)
    assert fashion.class_names[9] == "Ankle boot"
    assert (len(fashion.train), len(fashion.validation), len(fashion.test)) == (900, 100, 300)
    assert fashion.train.images.dtype == np.uint8
    assert fashion.train.labels.dtype == np.int64


def test_splits_share_no_example_and_lose_none(fashion):
    ids = np.concatenate([fashion.train.ids, fashion.validation.ids, fashion.test.ids])
    assert len(set(ids)) == len(ids) == 1300
    expected = {f"train/{i}" for i in range(1000)} | {f"test/{i}" for i in range(300)}
    assert set(ids) == expected


def test_ids_point_at_the_stored_examples(fashion, fashion_data_dir):
    everything = loading.load("fashion_mnist", fashion_data_dir, validation_size=0).train
    positions = fashion.validation.positions
    np.testing.assert_array_equal(everything.images[positions], fashion.validation.images)
    np.testing.assert_array_equal(everything.labels[positions], fashion.validation.labels)


def test_validation_is_class_balanced(fashion):
    np.testing.assert_array_equal(np.bincount(fashion.validation.labels), [10] * 10)


def test_validation_is_the_same_for_a_seed_and_another_for_another(fashion, fashion_data_dir):
    def ids(seed):
        loaded = loading.load("fashion_mnist", fashion_data_dir, validation_size=100, seed=seed)
        return set(loaded.validation.ids)

    assert ids(0) == set(fashion.validation.ids)
    assert ids(1) != ids(0)


def test_validation_takes_a_fifth_at_most(fashion_data_dir):
    loaded = loading.load("fashion_mnist", fashion_data_dir, validation_size=5000)
    assert (len(loaded.train), len(loaded.validation)) == (800, 200)


def test_max_train_examples_keeps_a_balanced_part_and_the_same_validation(
    fashion, fashion_data_dir
):
    loaded = loading.load(
        "fashion_mnist", fashion_data_dir, validation_size=100, max_train_examples=50
    )
    np.testing.assert_array_equal(np.bincount(loaded.train.labels), [5] * 10)
    assert set(loaded.train.ids) < set(fashion.train.ids)
    np.testing.assert_array_equal(loaded.validation.ids, fashion.validation.ids)


@pytest.mark.parametrize("argument", ["validation_size", "max_train_examples"])
def test_load_refuses_negative_sizes(fashion_data_dir, argument):
    with pytest.raises(ValueError, match=f"{argument}: expected 0 or more, received -1"):
        loading.load("fashion_mnist", fashion_data_dir, **{argument: -1})


def test_load_names_the_command_that_prepares(tmp_path):
    with pytest.raises(ValueError, match="tools.prepare_data --dataset=cifar10"):
        loading.load("cifar10", str(tmp_path))


def test_load_refuses_an_unknown_name(tmp_path):
    with pytest.raises(ValueError, match="TensorFlow Datasets, received 'no_such_data'"):
        loading.load("no_such_data", str(tmp_path))


@pytest.mark.parametrize("first_step", [1, 3, 4, 9])
def test_a_resumed_stream_equals_the_uninterrupted_one_bit_for_bit(first_step):
    split = numbered_split()  # 4 batches of 12 per epoch.
    whole = batches(batching.training_batches(split, 12, seed=3), 14)
    resumed = batches(
        batching.training_batches(split, 12, seed=3, first_step=first_step), 14 - first_step
    )
    for (images, labels), (same_images, same_labels) in zip(
        whole[first_step:], resumed, strict=True
    ):
        assert images.tobytes() == same_images.tobytes()
        assert labels.tobytes() == same_labels.tobytes()


def test_an_epoch_shows_no_example_twice_and_the_next_has_another_order():
    split = numbered_split()
    lookup = {batching.to_float(image).numpy().tobytes(): i for i, image in enumerate(split.images)}
    shown = [
        [lookup[image.tobytes()] for image in images]
        for images, _ in batches(batching.training_batches(split, 12, seed=0, augment=False), 8)
    ]
    first, second = np.ravel(shown[:4]), np.ravel(shown[4:])
    assert len(set(first)) == len(set(second)) == 48
    assert not np.array_equal(first, second)


def test_labels_stay_with_their_images():
    split = numbered_split()
    by_image = {
        batching.to_float(image).numpy().tobytes(): label
        for image, label in zip(split.images, split.labels, strict=True)
    }
    for images, labels in batches(batching.training_batches(split, 12, seed=0, augment=False), 5):
        assert [by_image[image.tobytes()] for image in images] == list(labels)


def test_another_seed_gives_another_stream():
    split = numbered_split()
    ((one, _),) = batches(batching.training_batches(split, 12, seed=0), 1)
    ((other, _),) = batches(batching.training_batches(split, 12, seed=1), 1)
    assert not np.array_equal(one, other)


def test_crops_of_an_example_differ_between_epochs():
    split = numbered_split(count=1)
    (first, _), (second, _), (third, _) = batches(batching.training_batches(split, 1, seed=0), 3)
    assert len({first.tobytes(), second.tobytes(), third.tobytes()}) > 1


def test_training_follows_the_augmentation_of_the_split():
    still = dataclasses.replace(
        numbered_split(), augmentation=Augmentation(flip=False, pad_fraction=0.0)
    )
    ((images, _),) = batches(batching.training_batches(still, 12, seed=0), 1)
    ((expected, _),) = batches(batching.training_batches(still, 12, seed=0, augment=False), 1)
    np.testing.assert_array_equal(images, expected)


def test_batches_are_float_images_from_minus_one_to_one():
    split = numbered_split()
    split.images[:] = 255 * (np.arange(50) % 2).reshape(-1, 1, 1, 1).astype(np.uint8)
    ((images, labels),) = batches(batching.training_batches(split, 12, seed=0), 1)
    assert (images.dtype, labels.dtype, images.shape) == (np.float32, np.int64, (12, 8, 8, 3))
    assert set(np.unique(images)) == {-1.0, 1.0}


def test_steps_per_epoch_leaves_the_remainder_out():
    assert batching.steps_per_epoch(numbered_split(), 12) == 4
    assert batching.steps_per_epoch(numbered_split(), 50) == 1


@pytest.mark.parametrize("batch_size", [0, 51])
def test_a_batch_larger_than_the_split_is_refused(batch_size):
    with pytest.raises(ValueError, match=f"expected 1 to 50 .*received {batch_size}"):
        batching.training_batches(numbered_split(), batch_size, seed=0)


def test_evaluation_goes_once_through_all_in_order():
    split = numbered_split()
    stream = batching.evaluation_batches(split, 16)
    seen = list(stream.as_numpy_iterator())
    assert [len(labels) for _, labels in seen] == [16, 16, 16, 2]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in seen]), split.labels)
    np.testing.assert_array_equal(
        np.concatenate([images for images, _ in seen]), batching.to_float(split.images)
    )


def test_evaluation_stops_at_count():
    stream = batching.evaluation_batches(numbered_split(), 16, count=20)
    assert [len(labels) for _, labels in stream.as_numpy_iterator()] == [16, 4]


def test_calibration_images_are_balanced_originals():
    split = numbered_split()
    images = batching.calibration_images(split, 10, seed=0)
    originals = {
        batching.to_float(image).numpy().tobytes(): label
        for image, label in zip(split.images, split.labels, strict=True)
    }
    labels = [originals[image.tobytes()] for image in images]
    np.testing.assert_array_equal(np.bincount(labels), [2] * 5)
    assert images.dtype == np.float32


def test_calibration_refuses_more_images_than_there_are():
    with pytest.raises(ValueError, match="expected 1 to 50, received 51"):
        batching.calibration_images(numbered_split(), 51)


def test_shares_are_slices_of_the_same_batches():
    split = numbered_split()
    whole = batches(batching.training_batches(split, 12, seed=3, first_step=2), 4)
    shares = [batching.Share(0, 1, 4), batching.Share(1, 2, 4), batching.Share(3, 1, 4)]
    streams = [
        batching.training_batches(split, 12, 3, first_step=2, share=share) for share in shares
    ]
    first, middle, last = (
        batches(stream, 4 * share.count) for stream, share in zip(streams, shares, strict=True)
    )
    for step, (images, labels) in enumerate(whole):
        slices = [first[step], middle[2 * step], middle[2 * step + 1], last[step]]
        assert all(len(part[1]) == 3 for part in slices)
        np.testing.assert_array_equal(np.concatenate([part[0] for part in slices]), images)
        np.testing.assert_array_equal(np.concatenate([part[1] for part in slices]), labels)
