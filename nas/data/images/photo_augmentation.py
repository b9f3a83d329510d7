"""Random crops, flips and colours of photographs of any size; pure functions of a seed.

A crop covers a random part of the area at a random aspect ratio (Szegedy et al. 2015, "Going
deeper with convolutions", section 6), and is resized afterwards. All random numbers of a batch are
drawn at once, and what is done with each image is small: a box, a flip, a matrix of colours.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf

# A crop that does not fit into its image is drawn anew so often.
_ATTEMPTS = 10
# ITU-R BT.601: how bright red, green and blue are.
_LUMA = (0.299, 0.587, 0.114)
# Of the short side, what the central crop of an evaluation keeps: 224 of 256 pixels.
_EVALUATED = 224 / 256


@dataclasses.dataclass(frozen=True)
class PhotoAugmentation:
    """What is done at random to a training photograph; the defaults are the reference's.

    Attributes:
        flip: whether half of the images are mirrored left to right.
        min_area: the smallest part of an image's area that a crop covers; the largest is all.
        max_stretch: the largest aspect ratio of a crop, width over height; the smallest is its
            inverse.
        brightness: pixels are multiplied by up to this much more or less than 1.
        saturation: likewise the distance of a colour from its gray.
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
    """What is done to each of `n` images.

    Attributes:
        boxes: int32 `[n, 4]`, top, left, height and width of a crop in pixels.
        flips: bool `[n]`.
        colours: float32 `[n, channels, channels]`, by which pixels are multiplied.
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
    """Draws what is done to each image of a batch.

    Args:
        augmentation: within which limits.
        sizes: int32 `[n, 2]`, height and width of each image.
        channels: 3 or 1.
        seed: two integers; the same seed gives the same result.
        first: of a larger batch, the position at which these images begin.
        total: the size of that batch, in which every image is treated as here.
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
    """What an evaluation does: the central crop that is left of a short side of 256 at 224.

    Args:
        sizes: int32 `[n, 2]`, height and width of each image.
        channels: 3 or 1.
    """
    short = tf.reduce_min(sizes, axis=1)
    side = tf.maximum(1, _whole(_EVALUATED * tf.cast(short, tf.float32)))
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
    """Random crops as boxes of whole pixels, each within its image.

    Args:
        augmentation: within which limits.
        sizes: int32 `[n, 2]`, height and width of each image.
        areas: `[n, attempts]`, random numbers from 0 to 1: how much of the area, evenly.
        stretches: likewise, how wide over how high, evenly on a logarithmic scale.
        places: `[n, 2]`, likewise, from top to bottom and from left to right.

    Returns:
        int32 `[n, 4]`: top, left, height, width, of the first attempt that fits. Where none does,
        the largest central crop that is stretched no further than allowed.
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
    """Brightness and saturation as one linear map a pixel, `pixel @ matrix`.

    Args:
        brightness: float32 `[n]`, factor of every pixel.
        saturation: float32 `[n]`: 0 gives grays, 1 changes nothing; gray pixels stay.
        channels: 3 or 1; with one there is no saturation.

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
