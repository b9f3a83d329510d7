"""Images of 16 bits: what range of values a data set uses, and scaling it to 8 bits.

Cameras of 10, 12 or 14 bits store counts in PNG files of 16 bits, of which the upper byte says
almost nothing. The values of all images of a data set are therefore scaled alike, from the smallest
and the largest of the data set.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

# Position of the bits per channel in a PNG file, after the signature, length and name of a header.
_SIGNATURE, _BITS = b"\x89PNG\r\n\x1a\n", 24


class Levels(NamedTuple):
    """The values of 16-bit images that become black and white.

    Attributes:
        black: value that becomes 0.
        white: value that becomes 255.
    """

    black: int
    white: int

    def describe(self) -> str:
        """Says what is done to the values."""
        return f"16-bit values from {self.black} to {self.white} are scaled to 0 to 255"


FULL = Levels(0, 65535)


def is_deep(head: bytes) -> bool:
    """Returns whether an image has 16 bits a channel, from the first 25 bytes of its file or more.

    PNG is the only format here that can have.
    """
    return head[:8] == _SIGNATURE and head[_BITS : _BITS + 1] == b"\x10"


def read(content: bytes) -> np.ndarray:
    """Decodes a PNG of 16 bits, uint16 `[height, width, channels]`; Pillow keeps 8 bits of colours.

    Raises:
        ValueError: the content is damaged.
    """
    try:
        return tf.io.decode_png(content, dtype=tf.uint16).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError("a damaged PNG") from error


def levels_of(values: np.ndarray) -> Levels:
    """Returns the smallest and the largest value of an image's colours, without transparency."""
    colours = values[..., : values.shape[-1] - 1] if values.shape[-1] in (2, 4) else values
    return Levels(int(colours.min()), int(colours.max()))


def joined(found: Iterable[Levels]) -> Levels | None:
    """Returns the range of several images together; None if there is none."""
    known = list(found)
    if not known:
        return None
    black, white = min(one.black for one in known), max(one.white for one in known)
    return Levels(black, max(white, black + 1))


def to_bytes(values: np.ndarray, levels: Levels) -> np.ndarray:
    """Scales the values of an image to 8 bits.

    Args:
        values: uint16 `[height, width, channels]`.
        levels: the range of the data set; values outside of it are clipped.

    Returns:
        uint8 of the same shape. The transparency of 2 or 4 channels keeps its upper byte.

    Example:
        >>> to_bytes(np.array([[[0], [2048], [4095]]], np.uint16), Levels(0, 4095)).ravel().tolist()
        [0, 128, 255]
    """
    span = levels.white - levels.black
    scaled = np.arange(1 << 16, dtype=np.int64).clip(*levels) - levels.black
    table = ((scaled * 510 + span) // (2 * span)).astype(np.uint8)
    pixels = table[values]
    if values.shape[-1] in (2, 4):
        pixels[..., -1] = values[..., -1] >> 8
    return pixels
