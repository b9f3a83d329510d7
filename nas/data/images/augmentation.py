"""Random crops and flips of a batch of small images, as a pure function of a seed."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Settings of the random changes to a training image.

    Attributes:
        flip: whether half of the images are mirrored left to right.
        pad_fraction: largest shift of a crop, as a fraction of the image height; 1/8 is the
            customary 4 pixels at 32x32. Beyond the border the image is reflected.
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
        augmentation: which changes are made.
        seed: two integers; the same seed gives the same result.
        first: position of `images` in a larger batch, if they are a slice of one.
        total: size of that larger batch; each image gets the changes it would get in the whole.

    Returns:
        The changed images, with shape and type of `images`.
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
    """Picks pixels: image i of the result is `images[i][rows[i]][:, columns[i]]`.

    Args:
        images: `[batch, height, width, channels]`.
        rows: int32 `[batch, new height]`.
        columns: int32 `[batch, new width]`.
    """
    images = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.gather(images, columns, axis=2, batch_dims=1)


def _reflect(index: tf.Tensor, size: int) -> tf.Tensor:
    """Reflects indices at most `size - 1` outside of `[0, size)` back; the edge is not repeated."""
    return size - 1 - tf.abs(size - 1 - tf.abs(index))
