import numpy as np
import pytest
import tensorflow as tf

from nas.data.images import augmentation
from nas.data.images.augmentation import Augmentation


def test_reflected_indices_do_not_repeat_the_edge():
    folded = augmentation._reflect(tf.range(-2, 6), 4)
    np.testing.assert_array_equal(folded, [2, 1, 0, 1, 2, 3, 2, 1])


def test_pixels_are_taken_by_each_image_of_its_own():
    images = np.arange(2 * 2 * 3).reshape(2, 2, 3, 1).astype(np.uint8)
    rows = tf.constant([[0, 1], [1, 0]])
    columns = tf.constant([[2, 1, 0], [1, 2, 1]])
    taken = augmentation.take_pixels(tf.constant(images), rows, columns)[..., 0]
    np.testing.assert_array_equal(taken, [[[2, 1, 0], [5, 4, 3]], [[10, 11, 10], [7, 8, 7]]])


def results(flip, pad_fraction, count=400):
    """The different outcomes for a ramp image of 4x4 pixels, with their counts."""
    ramp = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    images = tf.constant(np.repeat(ramp, count, axis=0))
    outcome = augmentation.crop_and_flip(
        images, Augmentation(flip=flip, pad_fraction=pad_fraction), tf.constant([0, 0])
    )
    found, counts = np.unique(outcome.numpy().reshape(count, 16), axis=0, return_counts=True)
    return {tuple(row): int(n) for row, n in zip(found.tolist(), counts, strict=True)}


RAMP = np.arange(16).reshape(4, 4)


def test_flip_alone_mirrors_about_half():
    counts = results(flip=True, pad_fraction=0.0)
    assert set(counts) == {tuple(RAMP.ravel()), tuple(RAMP[:, ::-1].ravel())}
    assert 150 < counts[tuple(RAMP.ravel())] < 250


def test_crop_alone_moves_by_up_to_the_padding_in_both_directions():
    padded = np.pad(RAMP, 1, mode="reflect")
    expected = {
        tuple(padded[top : top + 4, left : left + 4].ravel())
        for top in range(3)
        for left in range(3)
    }
    assert set(results(flip=False, pad_fraction=0.25)) == expected


def test_crop_and_flip_together():
    padded = np.pad(RAMP, 1, mode="reflect")
    crops = [padded[top : top + 4, left : left + 4] for top in range(3) for left in range(3)]
    expected = {tuple(crop.ravel()) for crop in crops}
    expected |= {tuple(crop[:, ::-1].ravel()) for crop in crops}
    assert set(results(flip=True, pad_fraction=0.25)) == expected


def test_the_seed_alone_decides():
    images = tf.random.stateless_uniform([8, 8, 8, 3], [1, 2])
    crop = [
        augmentation.crop_and_flip(images, Augmentation(), tf.constant(seed))
        for seed in ([5, 6], [5, 6], [5, 7])
    ]
    np.testing.assert_array_equal(crop[0], crop[1])
    assert not np.array_equal(crop[0], crop[2])


@pytest.mark.parametrize("pad_fraction", [-0.1, 0.6])
def test_an_impossible_padding_is_refused(pad_fraction):
    with pytest.raises(ValueError, match="between 0 and 0.5"):
        Augmentation(pad_fraction=pad_fraction)
