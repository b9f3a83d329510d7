"""Random crops and flips of a batch of images, a pure function of its seed."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What is done at random to a training image.

    Attributes:
        flip: whether half of the images are mirrored left to right.
        pad_fraction: how far a crop may lie off the image, as a fraction of its height; 1/8 is the
            customary 4 pixels at 32x32. Pixels beyond the border are those reflected in it.
    """

    flip: bool = True
    pad_fraction: float = 0.125

    def __post_init__(self) -> None:
        """Checks the fields."""
        if not 0.0 <= self.pad_fraction <= 0.5:
            raise ValueError(
                f"pad_fraction: expected a fraction between 0 and 0.5, received {self.pad_fraction}"
            )


def crop_and_flip(
    images: tf.Tensor,
    augmentation: Augmentation,
    seed: tf.Tensor,
    first: tf.Tensor | int = 0,
    total: int | None = None,
) -> tf.Tensor:
    """Crops and flips every image of a batch by its own random amount.

    Args:
        images: `[batch, height, width, channels]`, any type; height and width static.
        augmentation: what to do.
        seed: two integers; the same seed gives the same result.
        first: of a larger batch, the position at which `images` begins.
        total: the size of that batch, in which every image is treated as here.

    Returns:
        Shape and type of `images`.
    """
    height, width = images.shape[1], images.shape[2]
    count = tf.shape(images)[0]
    shape = [total or count, 1]
    mine = slice(first, first + count)
    pad = int(height * augmentation.pad_fraction)
    seeds = tf.random.split(seed, 3)
    top = tf.random.stateless_uniform(shape, seeds[0], -pad, pad + 1, tf.int32)[mine]
    left = tf.random.stateless_uniform(shape, seeds[1], -pad, pad + 1, tf.int32)[mine]
    rows = _reflect(top + tf.range(height), height)
    columns = _reflect(left + tf.range(width), width)
    if augmentation.flip:
        flipped = tf.random.stateless_uniform(shape, seeds[2], 0, 2, tf.int32)[mine] == 1
        columns = tf.where(flipped, tf.reverse(columns, [1]), columns)
    return take_pixels(images, rows, columns)


def take_pixels(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Image i of the result is `images[i][rows[i]][:, columns[i]]`.

    Args:
        images: `[batch, height, width, channels]`.
        rows: int32 `[batch, new height]`.
        columns: int32 `[batch, new width]`.
    """
    images = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.gather(images, columns, axis=2, batch_dims=1)


def _reflect(index: tf.Tensor, size: int) -> tf.Tensor:
    """Folds indices up to `size - 1` outside of `[0, size)` back into it, edge not repeated."""
    return size - 1 - tf.abs(size - 1 - tf.abs(index))
