import numpy as np
import pytest
import small_imagenet
import tensorflow as tf

from nas.data.images import image_decoding

BOX = (11, 7, 30, 41)


def cut(pixels):
    top, left, height, width = BOX
    return np.asarray(pixels)[top : top + height, left : left + width]


def decode(content, channels=3):
    return image_decoding.decode_crop(tf.constant(content), tf.constant(BOX), channels).numpy()


def encoded(kind, mode="RGB"):
    return small_imagenet.encoded(small_imagenet.picture(0, 60, 70, mode), kind)


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGB"), ("PNG", "L"), ("BMP", "RGB")]
)
def test_a_crop_is_that_of_the_whole_decoded_image(kind, mode):
    content = encoded(kind, mode)
    np.testing.assert_array_equal(decode(content), cut(small_imagenet.pixels(content)))


def test_a_jpeg_of_printing_colours_is_turned_into_red_green_and_blue():
    image = small_imagenet.picture(0, 60, 70)
    content = small_imagenet.encoded(image.convert("CMYK"))
    assert np.abs(decode(content).astype(int) - cut(image)).mean() < 3


def test_transparency_is_dropped():
    image = small_imagenet.picture(0, 60, 70)
    image.putalpha(100)
    np.testing.assert_array_equal(decode(small_imagenet.encoded(image, "PNG")), cut(image)[..., :3])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_gray_network_is_given_one_channel(kind):
    assert decode(encoded(kind), channels=1).shape == (30, 41, 1)


def bilinear(pixels, size):
    """Resizes without TensorFlow: half-pixel centres, edge pixels repeated."""
    axes = []
    for length in pixels.shape[:2]:
        place = (np.arange(size) + 0.5) * length / size - 0.5
        low = np.floor(place).astype(int)
        weights = np.zeros((size, length))
        for row, (index, rest) in enumerate(zip(low, place - low, strict=True)):
            weights[row, np.clip(index, 0, length - 1)] += 1 - rest
            weights[row, np.clip(index + 1, 0, length - 1)] += rest
        axes.append(weights)
    return np.einsum("rh,hwc,sw->rsc", axes[0], pixels, axes[1])


def test_resizing_is_bilinear():
    pixels = np.asarray(small_imagenet.picture(1, 37, 52))
    found = image_decoding.resize(tf.constant(pixels), 28)
    np.testing.assert_allclose(found, bilinear(pixels, 28), atol=1e-3)


def test_much_smaller_images_are_means_and_no_chance_pixels():
    stripes = np.zeros((90, 90, 3), np.uint8)
    stripes[:, ::2] = 200
    found = image_decoding.resize(tf.constant(stripes), 10).numpy()
    np.testing.assert_allclose(found, 100, atol=12)


def test_colours_are_kept_within_their_range():
    pixels = tf.constant([[[200.0, 100.0, 0.0]]])
    matrix = tf.constant(np.diag([2.0, 0.5, 1.0]), tf.float32)
    np.testing.assert_array_equal(image_decoding.colour(pixels, matrix), [[[255.0, 50.0, 0.0]]])


@pytest.mark.parametrize("flipped", [True, False])
def test_flip(flipped):
    pixels = tf.reshape(tf.range(6.0), [1, 2, 3])
    expected = pixels[:, ::-1] if flipped else pixels
    np.testing.assert_array_equal(image_decoding.flip(pixels, tf.constant(flipped)), expected)
