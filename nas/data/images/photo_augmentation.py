"""Random crops, flips and colours of photographs of any size, as pure functions of a seed.

A crop covers a random part of the area at a random aspect ratio (Szegedy et al. 2015, "Going
deeper with convolutions", section 6), and is resized afterwards. All random numbers of a batch are
drawn at once. The result is small for each image: a box, a flip and a colour matrix.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf

# Number of crops drawn for each image; the first that fits into the image is used.
_ATTEMPTS = 10
# Weights of red, green and blue in the luma of ITU-R BT.601.
_LUMA = (0.299, 0.587, 0.114)
# Side of the central crop in evaluation over the image's short side: 224 of 256 pixels.
EVALUATED = 224 / 256


@dataclasses.dataclass(frozen=True)
class PhotoAugmentation:
    """Settings of the random changes to a training photograph; defaults as in the reference.

    Attributes:
        flip: whether half of the images are mirrored left to right.
        min_area: smallest fraction of an image's area that a crop covers; the largest is 1.
        max_stretch: largest aspect ratio of a crop, width over height; the smallest is its inverse.
        brightness: pixels are multiplied by a factor from 1 - brightness to 1 + brightness.
        saturation: likewise the difference of a colour from its gray.
    """

    flip: bool = True
    min_area: float = 0.08
    max_stretch: float = 4 / 3
    brightness: float = 32 / 255
    saturation: float = 0.5

    def __post_init__(self) -> None:
        """Checks the fields."""
        for name, allowed, is_allowed in (
            ("min_area", "above 0 and at most 1", 0.0 < self.min_area <= 1.0),
            ("max_stretch", "at least 1", self.max_stretch >= 1.0),
            ("brightness", "from 0 to 1", 0.0 <= self.brightness <= 1.0),
            ("saturation", "from 0 to 1", 0.0 <= self.saturation <= 1.0),
        ):
            if not is_allowed:
                raise ValueError(f"{name}: expected {allowed}, received {getattr(self, name)}")


class Changes(NamedTuple):
    """The changes to each of `n` images.

    Attributes:
        boxes: int32 `[n, 4]`, top, left, height and width of a crop in pixels.
        flips: bool `[n]`, whether the image is mirrored left to right.
        colours: float32 `[n, channels, channels]`, matrices that multiply the pixels.
    """

    boxes: tf.Tensor
    flips: tf.Tensor
    colours: tf.Tensor


def draw(
    augmentation: PhotoAugmentation,
    sizes: tf.Tensor,
    channels: int,
    seed: tf.Tensor,
    first: tf.Tensor | int = 0,
    total: int | None = None,
) -> Changes:
    """Draws the random changes to each image of a batch.

    Args:
        augmentation: limits of the changes.
        sizes: int32 `[n, 2]`, height and width of each image.
        channels: 3 or 1.
        seed: two integers; the same seed gives the same result.
        first: position of these images in a larger batch, if they are a slice of one.
        total: size of that larger batch; each image gets the changes it would get in the whole.
    """
    count = tf.shape(sizes)[0]
    numbers = tf.random.stateless_uniform([total or count, 2 * _ATTEMPTS + 5], seed)
    numbers = numbers[first : first + count]
    areas, stretches, others = tf.split(numbers, [_ATTEMPTS, _ATTEMPTS, 5], axis=1)
    boxes = crop_boxes(augmentation, sizes, areas, stretches, others[:, :2])
    flips = tf.logical_and(augmentation.flip, others[:, 2] < 0.5)
    brightness = 1.0 + augmentation.brightness * (2.0 * others[:, 3] - 1.0)
    saturation = 1.0 + augmentation.saturation * (2.0 * others[:, 4] - 1.0)
    return Changes(boxes, flips, colour_matrices(brightness, saturation, channels))


def unchanged(sizes: tf.Tensor, channels: int) -> Changes:
    """Returns the changes for evaluation: only the central crop, 224/256 of the short side.

    Args:
        sizes: int32 `[n, 2]`, height and width of each image.
        channels: 3 or 1.
    """
    short = tf.reduce_min(sizes, axis=1)
    side = tf.maximum(1, _whole(EVALUATED * tf.cast(short, tf.float32)))
    side = tf.stack([side, side], axis=1)
    count = tf.shape(sizes)[0]
    colours = tf.eye(channels, batch_shape=[count])
    return Changes(
        tf.concat([(sizes - side) // 2, side], axis=1), tf.zeros([count], tf.bool), colours
    )


def crop_boxes(
    augmentation: PhotoAugmentation,
    sizes: tf.Tensor,
    areas: tf.Tensor,
    stretches: tf.Tensor,
    places: tf.Tensor,
) -> tf.Tensor:
    """Turns random numbers into crops: boxes of whole pixels, each within its image.

    Args:
        augmentation: limits of area and aspect ratio.
        sizes: int32 `[n, 2]`, height and width of each image.
        areas: `[n, attempts]`, random numbers from 0 to 1 that set the area, uniformly.
        stretches: likewise for the aspect ratio (width over height), uniformly in its logarithm.
        places: `[n, 2]`, likewise for the vertical and the horizontal position.

    Returns:
        int32 `[n, 4]`: top, left, height and width of the first attempt that fits. If none fits,
        the largest central crop with an allowed aspect ratio.
    """
    size = tf.cast(sizes, tf.float32)
    height, width = size[:, :1], size[:, 1:]
    area = height * width * (augmentation.min_area + (1.0 - augmentation.min_area) * areas)
    limit = float(np.log(augmentation.max_stretch))
    stretch = tf.exp(limit * (2.0 * stretches - 1.0))
    extents = tf.stack([tf.round(tf.sqrt(area / stretch)), tf.round(tf.sqrt(area * stretch))], 2)
    fits = tf.reduce_all((extents >= 1.0) & (extents <= size[:, tf.newaxis]), axis=2)
    chosen = tf.gather(extents, tf.argmax(tf.cast(fits, tf.int32), axis=1), batch_dims=1)
    largest = tf.minimum(size, tf.round(augmentation.max_stretch * size[:, ::-1]))
    is_random = tf.reduce_any(fits, axis=1, keepdims=True)
    extent = _whole(tf.where(is_random, chosen, largest))
    room = sizes - extent
    offset = tf.cast(places * tf.cast(room + 1, tf.float32), tf.int32)
    start = tf.where(is_random, tf.minimum(offset, room), room // 2)
    return tf.concat([start, extent], axis=1)


def colour_matrices(brightness: tf.Tensor, saturation: tf.Tensor, channels: int) -> tf.Tensor:
    """Returns brightness and saturation as one linear map of a pixel, `pixel @ matrix`.

    Args:
        brightness: float32 `[n]`, factor of every pixel.
        saturation: float32 `[n]`: 0 gives gray, 1 changes nothing; gray pixels never change.
        channels: 3 or 1; with 1 the saturation is ignored.

    Returns:
        float32 `[n, channels, channels]`.
    """
    matrix = tf.eye(channels, batch_shape=tf.shape(brightness))
    if channels == 3:
        gray = tf.repeat(tf.constant(_LUMA)[:, tf.newaxis], 3, axis=1)
        saturation = saturation[:, tf.newaxis, tf.newaxis]
        matrix = saturation * matrix + (1.0 - saturation) * gray
    return brightness[:, tf.newaxis, tf.newaxis] * matrix


def _whole(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round(values), tf.int32)
