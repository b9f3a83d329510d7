import dataclasses
import itertools
import pickle

import numpy as np
import pytest
import small_imagenet
import tensorflow as tf

from nas.data import batching, machine_memory
from nas.data.splits.encoded_split import EncodedSplit
from nas.data.tfds import record_index, tfds_layout


@pytest.fixture(scope="module")
def split(imagenet_data_dir):
    index = record_index.load(tfds_layout.builder("imagenet2012", imagenet_data_dir), "train")
    return EncodedSplit(index, index.labels, "train", np.arange(len(index)), resolution=24)


def batches(stream, count):
    return list(itertools.islice(stream.as_numpy_iterator(), count))


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_evaluation_images_are_central_crops_of_the_whole_images(split):
    for image, encoded in zip(split.pixels(slice(5)), split.read(np.arange(5)), strict=True):
        whole = small_imagenet.pixels(encoded)
        height, width = whole.shape[:2]
        side = round(0.875 * min(height, width))
        top, left = (height - side) // 2, (width - side) // 2
        crop = whole[top : top + side, left : left + side]
        expected = tf.image.resize(crop, [24, 24], antialias=side > 48)
        np.testing.assert_allclose(image, expected, atol=0.51)


def test_evaluation_batches_are_these_pixels_in_their_order(split):
    found = batches(batching.evaluation_batches(split, 20), 9)
    assert [len(labels) for _, labels in found] == [20, 20, 8]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in found]), split.labels)
    pixels = batching.to_float(split.pixels(slice(None)))
    np.testing.assert_array_equal(np.concatenate([images for images, _ in found]), pixels)


def test_training_batches_are_in_range_augmented_and_have_their_labels(split):
    ((images, labels),) = batches(batching.training_batches(split, 48, seed=0), 1)
    assert images.shape == (48, 24, 24, 3)
    assert images.dtype == np.float32
    assert -1.0 <= images.min() < -0.5 < 0.5 < images.max() <= 1.0
    np.testing.assert_array_equal(np.bincount(labels), [12] * 4)
    ((again, _),) = batches(batching.training_batches(split, 48, seed=1), 1)
    assert not np.array_equal(images, again)


def test_training_images_are_what_was_drawn_done_to_the_whole_images(split):
    seed = tf.constant([5, 6], tf.int64)
    given = split.training_reader(split.augmentation)(tf.range(8), seed, 0, 8)
    for i, encoded in enumerate(split.read(np.arange(8))):
        one = tf.nest.map_structure(lambda tensor, i=i: tensor[i], given)
        top, left, height, width = one.changes.boxes.numpy()
        whole = small_imagenet.pixels(encoded)
        crop = whole[top : top + height, left : left + width]
        expected = tf.image.resize(crop, [24, 24], antialias=bool(max(height, width) > 48)).numpy()
        expected = expected[:, ::-1] if one.changes.flips else expected
        expected = np.clip(expected @ one.changes.colours.numpy(), 0, 255)
        found = split.finisher(augmented=True)(one)
        np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("first_step", [1, 3, 4, 9])
def test_a_stream_goes_on_from_any_step_to_the_bit(split, first_step):
    whole = batches(batching.training_batches(split, 12, seed=3), 11)
    rest = batching.training_batches(split, 12, seed=3, first_step=first_step)
    assert_equal(batches(rest, 11 - first_step), whole[first_step:])


def test_an_epoch_has_every_image_once(split):
    # Every image has its own label, so the labels of a batch tell which images it holds.
    numbered = dataclasses.replace(split, labels=np.arange(48))

    def images_of(epoch):
        stream = batching.training_batches(numbered, 12, seed=0, first_step=4 * epoch)
        return np.concatenate([labels for _, labels in batches(stream, 4)]).tolist()

    first, second = images_of(0), images_of(1)
    assert sorted(first) == sorted(second) == list(range(48))
    assert first != second


@pytest.mark.parametrize("count", [1, 2])
def test_shares_of_hosts_make_up_the_global_batch_to_the_bit(split, count):
    whole = batches(batching.training_batches(split, 12, seed=3, first_step=2), 4)
    hosts = [
        batches(
            batching.training_batches(
                split, 12, 3, first_step=2, share=batching.Share(first, count, total=4)
            ),
            4 * count,
        )
        for first in range(0, 4, count)
    ]
    for step, expected in enumerate(whole):
        slices = [found for host in hosts for found in host[step * count : (step + 1) * count]]
        joined = tuple(np.concatenate(parts) for parts in zip(*slices, strict=True))
        assert_equal([joined], [expected])


def test_a_host_reads_its_own_share_alone(split):
    split.index.recent.clear()
    share = batching.Share(1, 1, total=4)
    stream = batching.training_batches(split.take(np.arange(12)), 12, 0, share=share)
    assert [len(labels) for _, labels in batches(stream, 100)] == [3] * 100
    # A few dozen images are read ahead.
    assert 300 <= len(split.index.recent) < 600


def test_another_resolution_is_what_is_decoded(split):
    small = split.resized(16)
    assert small.input_shape == (16, 16, 3)
    own = dataclasses.replace(split, resolution=16)
    np.testing.assert_array_equal(small.pixels(slice(3)), own.pixels(slice(3)))


def test_images_in_memory_are_the_same(split):
    part = split.take(np.array([40, 3, 17, 5]))
    kept = part.in_memory()
    assert kept.contents is not None
    assert list(kept.contents) == list(part.read(np.arange(4)))
    stream, expected = (batching.training_batches(s, 4, seed=0) for s in (kept, part))
    assert_equal(batches(stream, 2), batches(expected, 2))
    again = kept.take(np.array([2, 0])).join(kept.take(np.array([1])))
    assert list(again.read(np.arange(3))) == [kept.contents[i] for i in (2, 0, 1)]


def test_images_that_do_not_fit_into_memory_are_refused(split, monkeypatch):
    monkeypatch.setattr(machine_memory, "available_bytes", lambda: 1000)
    with pytest.raises(ValueError, match="48 encoded images: expected at most.*--cache=files"):
        split.in_memory()


def test_another_process_reads_the_files(split):
    part = split.take(np.array([9, 2])).in_memory()
    other = pickle.loads(pickle.dumps(part))
    assert other.contents is None
    np.testing.assert_array_equal(other.pixels(slice(None)), part.pixels(slice(None)))
    assert other.digest == part.digest


def test_digests_tell_images_apart(split):
    digests = split.image_digests()
    assert len(set(digests)) == 48
    assert split.take(np.array([7])).image_digests() == [digests[7]]
    assert split.take(np.array([1, 2])).digest != split.take(np.array([2, 1])).digest


def test_parts_of_different_data_sets_are_not_joined(split):
    other = dataclasses.replace(split, index=dataclasses.replace(split.index))
    with pytest.raises(TypeError, match="splits of one data set"):
        split.join(other)


def test_an_image_that_cannot_be_decoded_is_named(tmp_path):
    pictures = small_imagenet.training_pictures(2, 6)
    broken = bytearray(pictures["n01443537"]["n01443537_4.JPEG"])
    # Damages the marker before the image data; header and end stay intact.
    start = broken.index(b"\xff\xda")
    broken[start : start + 2] = b"\xff\xd9"
    pictures["n01443537"]["n01443537_4.JPEG"] = bytes(broken)
    small_imagenet.prepare(tmp_path, pictures)
    index = record_index.load(
        tfds_layout.builder("imagenet2012", str(tmp_path)), "train", skip_unreadable=True
    )
    assert len(index.damaged) == 1
    # As if it had become damaged since.
    (row,) = index.damaged
    index.sizes[row], index.by_pillow[row] = (30, 30), False
    damaged = EncodedSplit(index, index.labels, "train", np.arange(12), resolution=24)
    with pytest.raises(ValueError, match=r"imagenet2012 train/\d+ \(n01443537_4.JPEG\): .*decoded"):
        with batching.named_faults(damaged):
            batches(batching.training_batches(damaged, 12, seed=0), 1)
    with pytest.raises(ValueError, match="n01443537_4.JPEG"):
        damaged.pixels(slice(None))


def test_other_errors_stay_what_they_are(split):
    batches(batching.training_batches(split, 12, seed=0), 1)
    with pytest.raises(tf.errors.InvalidArgumentError), batching.named_faults(split):
        tf.constant([1.0, 2.0]) + tf.constant([1.0, 2.0, 3.0])


def test_gray_networks_are_given_gray_images(split):
    gray = dataclasses.replace(split, channels=1)
    assert gray.pixels(slice(2)).shape == (2, 24, 24, 1)
    ((images, _),) = batches(batching.training_batches(gray, 12, seed=0), 1)
    assert images.shape == (12, 24, 24, 1)
