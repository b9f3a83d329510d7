"""Prepares a photo as the Kotlin lines of docs/android.md do, to see what an app would answer.

Tests and training resize with Pillow or TensorFlow, an app with Android's `Bitmap`. Both take the
middle square of the upright photo, and shrink it with the same triangular weights; only very large
photos are halved before in another way. These are the functions `prepared` and `smoothed` of that
page, line by line. `Bitmap.createScaledBitmap` interpolates between the four
nearest pixels, like `tf.image.resize` without antialiasing.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from export.checks import interpreter
from export.examples import Examples
from nas.data import batching
from nas.data.images import decoding
from nas.data.images.depth import Levels
from nas.progress import Track, untracked


@dataclasses.dataclass(frozen=True, eq=False)
class AppImages:
    """Test images as an app prepares them.

    Attributes:
        images: float32 `[n, height, width, channels]` in [-1, 1].
        indices: numbers of the same images among those of the comparison, `[n]`.
    """

    images: np.ndarray
    indices: np.ndarray

    def compare(self, content: bytes, in_test: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
        """Runs a file on these images.

        Args:
            content: the `.tflite` file.
            in_test: the classes that it names for the images of the comparison.
            labels: the true classes of those.
        """
        answers = interpreter.predict(content, self.images).argmax(axis=1)
        in_test, right = in_test[self.indices], labels[self.indices]
        return {
            "accuracy": float(np.mean(answers == right)),
            "num_images": len(right),
            "accuracy_in_test": float(np.mean(in_test == right)),
            "top1_agreement": float(np.mean(answers == in_test)),
        }


def of_examples(examples: Examples, track: Track = untracked) -> AppImages | None:
    """Prepares the test photos of an export; None if the test images are as they were stored."""
    photos = examples.photos
    if photos is None:
        return None
    read = track(photos.read(), len(photos.indices), "preparing photos as an app does")
    _, size, _, channels = examples.test_images.shape
    return of(read, photos.indices, size, channels, photos.share, photos.levels)


def of(
    photos: Iterable[bytes],
    indices: np.ndarray,
    size: int,
    channels: int,
    share: float = 1.0,
    levels: Levels | None = None,
) -> AppImages:
    """Prepares photos.

    Args:
        photos: the encoded photos.
        indices: their numbers among the images of the comparison.
        size: height and width of the network's input.
        channels: 3 or 1.
        share: side of the square that is cut out, over the shorter side of the photo.
        levels: range of 16-bit values, which the app must scale itself.
    """
    images = np.empty((len(indices), size, size, channels), np.uint8)
    for place, content in enumerate(photos):
        picture = decoding.upright_picture(content, levels)
        images[place] = as_channels(prepared(picture, size, share), channels)
    return AppImages(batching.to_float(images).numpy(), indices)


def prepared(picture: Image.Image, size: int, share: float = 1.0) -> np.ndarray:
    """Cuts out the middle square of an upright picture and shrinks it without skipping a pixel.

    Args:
        picture: in the mode RGB.
        size: height and width of the result.
        share: side of the square, over the shorter side of the picture.

    Returns:
        uint8 `[size, size, 3]`.
    """
    side = max(1, round(share * min(picture.size)))
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = np.asarray(picture.crop((left, top, left + side, top + side)))
    while len(square) >= 6 * size:
        square = create_scaled_bitmap(square, len(square) // 2)
    return smoothed(square, size)


def smoothed(square: np.ndarray, size: int) -> np.ndarray:
    """Resizes a square; each pixel is a mean of all that it covers, weighted by a triangle.

    Args:
        square: uint8 `[side, side, 3]`.
        size: height and width of the result.
    """
    scale = len(square) / size
    reach = max(scale, 1.0)
    centers = (np.arange(size) + 0.5) * scale
    distances = np.abs(np.arange(len(square)) + 0.5 - centers[:, np.newaxis])
    weights = np.maximum(0.0, 1.0 - distances / reach)
    weights /= weights.sum(axis=1, keepdims=True)
    narrow = np.einsum("xj,yjc->yxc", weights, square, optimize=True)
    mean = np.einsum("yj,jxc->yxc", weights, narrow, optimize=True)
    return np.floor(mean + 0.5).astype(np.uint8)


def create_scaled_bitmap(pixels: np.ndarray, size: int) -> np.ndarray:
    """Does what `Bitmap.createScaledBitmap(bitmap, size, size, true)` does."""
    if len(pixels) == size:
        return pixels
    scaled = tf.image.resize(pixels, [size, size], tf.image.ResizeMethod.BILINEAR)
    return tf.cast(tf.round(scaled), tf.uint8).numpy()


def as_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Returns the pixels as the network takes them; gray is (299 R + 587 G + 114 B) / 1000."""
    if channels == 3:
        return pixels
    luma = pixels.astype(np.int32) @ np.array([299, 587, 114])
    return (luma // 1000).astype(np.uint8)[..., np.newaxis]
