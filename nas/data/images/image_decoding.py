"""One encoded image to pixels of a given size: only what is needed of it is decoded."""

import tensorflow as tf

# A crop of more than so many times the wanted size is smoothed while it shrinks, which takes as
# long as decoding; below, each pixel takes part in what bilinear interpolation gives.
_SMOOTHED = 2


def decode_crop(encoded: tf.Tensor, box: tf.Tensor, channels: int) -> tf.Tensor:
    """Part of an image; of a JPEG, what lies outside is not decoded.

    Args:
        encoded: content of a JPEG, PNG, GIF or BMP file, a string.
        box: int32 `[4]`: top, left, height and width in pixels, within the image.
        channels: 3 or 1; gray, CMYK and transparent images are brought to it.

    Returns:
        uint8 `[height, width, channels]`.
    """

    def whole() -> tf.Tensor:
        pixels = tf.io.decode_image(encoded, 3, expand_animations=False)
        if channels == 1:
            pixels = tf.image.rgb_to_grayscale(pixels)
        top, left, height, width = tf.unstack(box)
        return tf.slice(pixels, [top, left, 0], [height, width, channels])

    return tf.cond(
        tf.io.is_jpeg(encoded),
        # As phones decode; TensorFlow's own choice is off by up to ten at high qualities.
        lambda: tf.io.decode_and_crop_jpeg(
            encoded, box, channels=channels, dct_method="INTEGER_ACCURATE"
        ),
        whole,
    )


def resize(pixels: tf.Tensor, resolution: int) -> tf.Tensor:
    """Bilinear, smoothed where much is lost: float32 `[resolution, resolution, channels]`."""
    size = [resolution, resolution]
    return tf.cond(
        tf.reduce_max(tf.shape(pixels)[:2]) > _SMOOTHED * resolution,
        lambda: tf.image.resize(pixels, size, antialias=True),
        lambda: tf.image.resize(pixels, size),
    )


def colour(pixels: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Every pixel times a matrix `[channels, channels]`, kept between 0 and 255."""
    shape = pixels.shape
    changed = tf.matmul(tf.reshape(pixels, [-1, shape[-1]]), matrix)
    return tf.clip_by_value(tf.reshape(changed, shape), 0.0, 255.0)


def flip(pixels: tf.Tensor, is_flipped: tf.Tensor) -> tf.Tensor:
    """Mirrors an image left to right where asked."""
    return tf.cond(is_flipped, lambda: tf.reverse(pixels, [1]), lambda: pixels)
