"""Decodes one image in the TensorFlow graph: a crop, its resizing, flip and colours."""

import tensorflow as tf

# A crop more than this many times larger than the result is resized with antialiasing, which takes
# as long as decoding. For smaller crops bilinear interpolation already uses every pixel.
_SMOOTHED = 2


def decode_crop(encoded: tf.Tensor, box: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes part of an image; a JPEG is decoded only inside the box.

    Args:
        encoded: content of a JPEG, PNG, GIF or BMP file, a string.
        box: int32 `[4]`: top, left, height and width in pixels, within the image.
        channels: 3 or 1; gray, CMYK and transparent images are converted.

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
        # Phones decode this way; TensorFlow's default method is off by up to 10 at high qualities.
        lambda: tf.io.decode_and_crop_jpeg(
            encoded, box, channels=channels, dct_method="INTEGER_ACCURATE"
        ),
        whole,
    )


@tf.function(
    autograph=False,
    jit_compile=False,
    input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([4], tf.int32)],
)
def colour_crop(encoded: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    """Returns `decode_crop` with 3 channels, for calls outside of a graph.

    One by one, the ops take several times as long as decoding a small image.
    """
    return decode_crop(encoded, box, 3)


def resize(pixels: tf.Tensor, resolution: int) -> tf.Tensor:
    """Resizes bilinearly, with antialiasing where the image shrinks much.

    Returns:
        float32 `[resolution, resolution, channels]`.
    """
    size = [resolution, resolution]
    return tf.cond(
        tf.reduce_max(tf.shape(pixels)[:2]) > _SMOOTHED * resolution,
        lambda: tf.image.resize(pixels, size, antialias=True),
        lambda: tf.image.resize(pixels, size),
    )


def colour(pixels: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Multiplies every pixel by a matrix `[channels, channels]` and clips to 0 to 255."""
    shape = pixels.shape
    changed = tf.matmul(tf.reshape(pixels, [-1, shape[-1]]), matrix)
    return tf.clip_by_value(tf.reshape(changed, shape), 0.0, 255.0)


def flip(pixels: tf.Tensor, is_flipped: tf.Tensor) -> tf.Tensor:
    """Mirrors an image left to right if `is_flipped`."""
    return tf.cond(is_flipped, lambda: tf.reverse(pixels, [1]), lambda: pixels)
