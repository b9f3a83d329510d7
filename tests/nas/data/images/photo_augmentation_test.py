import numpy as np
import pytest
import tensorflow as tf

from nas.data.images import photo_augmentation
from nas.data.images.photo_augmentation import PhotoAugmentation

SEED = tf.constant([3, 4], tf.int64)


def sizes_of(*sizes):
    return tf.constant(sizes, tf.int32)


def draw(sizes, seed=SEED, **arguments):
    drawn = photo_augmentation.draw(PhotoAugmentation(), sizes, 3, seed, **arguments)
    return [part.numpy() for part in drawn]


def boxes(size, areas, stretches, places=(0.0, 0.0), **limits):
    found = photo_augmentation.crop_boxes(
        PhotoAugmentation(**limits),
        sizes_of(size),
        tf.constant([areas], tf.float32),
        tf.constant([stretches], tf.float32),
        tf.constant([places], tf.float32),
    )
    return tuple(found.numpy()[0])


def test_crops_lie_within_their_images_and_within_the_limits():
    rng = np.random.default_rng(0)
    sizes = rng.integers(60, 700, (4000, 2)).astype(np.int32)
    sizes[:, 1] = np.clip(sizes[:, 1], sizes[:, 0] // 2, sizes[:, 0] * 2)
    found, _, _ = draw(sizes)
    start, extent = found[:, :2], found[:, 2:]
    assert (start >= 0).all()
    assert (start + extent <= sizes).all()
    share = extent.prod(axis=1) / sizes.prod(axis=1)
    stretch = extent[:, 1] / extent[:, 0]
    # Rounding changes a side by up to half a pixel, and sides have at least 17 pixels.
    assert 0.075 < share.min() < 0.09 < 0.95 < share.max() <= 1.0
    assert 0.70 < stretch.min() < 0.76 < 1.31 < stretch.max() < 1.42


def test_a_crop_worked_by_hand():
    # The area is 0.08 + 0.92 * 0.5 = 0.54 of 20,000 = 10,800 at ratio 1: 103.9 pixels are too high.
    # The second attempt has 0.172 of 20,000 = 3,440 at (3/4) ** -0.5: 54.6 by 63.0.
    found = boxes((100, 200), [0.5, 0.1], [0.5, 0.75], (0.5, 0.999))
    assert found == (23, 137, 55, 63)


def test_the_largest_central_crop_is_taken_where_no_attempt_fits():
    assert boxes((10, 1000), [0.5] * 3, [0.5] * 3, (0.9, 0.9)) == (0, 493, 10, 13)
    assert boxes((900, 30), [0.9] * 3, [0.1] * 3, (0.0, 0.0)) == (430, 0, 40, 30)


def test_places_reach_both_ends():
    assert boxes((100, 100), [0.0], [0.5], (0.0, 0.0))[:2] == (0, 0)
    top, left, height, width = boxes((100, 100), [0.0], [0.5], (0.99999, 0.99999))
    assert (top + height, left + width) == (100, 100)


def test_evaluation_takes_what_224_of_256_leave_of_the_short_side():
    found = photo_augmentation.unchanged(sizes_of((375, 500), (512, 256), (1, 1)), 3)
    assert found.boxes.numpy().tolist() == [
        [23, 86, 328, 328],
        [144, 16, 224, 224],
        [0, 0, 1, 1],
    ]
    assert not found.flips.numpy().any()
    np.testing.assert_array_equal(found.colours, [np.eye(3)] * 3)


def test_part_of_a_batch_is_treated_as_in_the_whole():
    sizes = sizes_of(*[(50 + i, 90 - i) for i in range(12)])
    whole = draw(sizes, total=12)
    parts = [draw(sizes[i : i + 4], first=i, total=12) for i in (0, 4, 8)]
    for all_of_it, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        np.testing.assert_array_equal(all_of_it, np.concatenate(pieces))


def test_draws_follow_the_seed():
    sizes = sizes_of(*[(50, 60)] * 8)
    for first, again in zip(draw(sizes), draw(sizes), strict=True):
        np.testing.assert_array_equal(first, again)
    other = draw(sizes, seed=tf.constant([3, 5], tf.int64))
    assert not np.array_equal(draw(sizes)[0], other[0])


def test_half_of_the_images_are_flipped_and_none_where_not_wanted():
    sizes = sizes_of(*[(50, 60)] * 1000)
    assert 430 < draw(sizes)[1].sum() < 570
    still = photo_augmentation.draw(PhotoAugmentation(flip=False), sizes, 3, SEED)
    assert not still.flips.numpy().any()


def test_colours_worked_by_hand():
    brightness, saturation = tf.constant([1.0, 1.0, 1.1]), tf.constant([1.0, 0.0, 0.5])
    same, gray, both = photo_augmentation.colour_matrices(brightness, saturation, 3).numpy()
    pixel = np.array([200.0, 100.0, 50.0])
    luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    np.testing.assert_allclose(pixel @ same, pixel, rtol=1e-6)
    np.testing.assert_allclose(pixel @ gray, [luma] * 3, rtol=1e-6)
    np.testing.assert_allclose(pixel @ both, 1.1 * (0.5 * pixel + 0.5 * luma), rtol=1e-6)
    np.testing.assert_allclose(np.full(3, 7.0) @ both, [7.7] * 3, rtol=1e-6)


def test_factors_of_colours_stay_within_the_limits():
    _, _, colours = draw(sizes_of(*[(50, 60)] * 2000))
    # A gray pixel changes by the brightness only. Saturation is what red adds to red beyond that.
    brightness = colours.sum(axis=1)[:, 0]
    saturation = (colours[:, 0, 0] - colours[:, 0, 1]) / brightness
    assert 1 - 32 / 255 - 1e-5 < brightness.min() < 0.88 < 1.12 < brightness.max() < 1.12549 + 1e-5
    assert 0.5 - 1e-5 < saturation.min() < 0.51 < 1.49 < saturation.max() < 1.5 + 1e-5


def test_gray_images_change_their_brightness_alone():
    drawn = photo_augmentation.draw(PhotoAugmentation(), sizes_of((50, 60)), 1, SEED)
    assert drawn.colours.shape == (1, 1, 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("min_area", 0.0), ("max_stretch", 0.9), ("brightness", 1.1), ("saturation", -0.1)],
)
def test_impossible_limits_are_refused(field, value):
    with pytest.raises(ValueError, match=f"{field}: expected .*, received {value}"):
        PhotoAugmentation(**{field: value})
