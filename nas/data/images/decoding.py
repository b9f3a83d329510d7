"""An image file as an array of one size, by Pillow.

A photo is turned upright as its EXIF data say, what shows through is laid on white, 16-bit gray
keeps its upper byte; then the largest square in the middle is resized.
"""

import dataclasses
import io
import struct
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps

_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF")
_PLAIN_FORMATS = ("JPEG", "PNG")
# Values of EXIF's field Orientation.
_UPRIGHT, _TURNED, _ON_ITS_SIDE = 1, range(2, 9), range(5, 9)
_GRAY = ("1", "L", "LA", "La")
# What Pillow raises on damaged files.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    ZeroDivisionError,
    struct.error,
    Image.DecompressionBombError,
)


class UnreadableImageError(ValueError):
    """A file could not be read as an image; the message says why, and not which."""


@dataclasses.dataclass(frozen=True)
class Header:
    """What the first bytes of a file tell.

    Attributes:
        width: in pixels, before turning.
        height: likewise.
        is_gray: has no colours.
        is_transparent: has an alpha channel or a transparent colour.
    """

    width: int
    height: int
    is_gray: bool
    is_transparent: bool


@dataclasses.dataclass(frozen=True)
class Examined:
    """What decoding a file has shown.

    Attributes:
        height: in pixels, of the upright image.
        width: likewise.
        is_plain: a photo or PNG picture of gray or colour, stored upright, as any decoder has it.
    """

    height: int
    width: int
    is_plain: bool


def read_header(file: BinaryIO) -> Header:
    """Size and kind of an image, not decoded; of a large file only the beginning is read.

    Raises:
        UnreadableImageError: the content begins like no image.
    """
    try:
        with Image.open(file, formats=_FORMATS) as image:
            is_gray = image.mode in _GRAY or image.mode.startswith("I")
            return Header(*image.size, is_gray, image.has_transparency_data)
    except _DAMAGED as error:
        raise _unreadable(error) from error


def decode(content: bytes, resolution: int, channels: int) -> np.ndarray:
    """Decodes an image.

    Args:
        content: of a JPEG, PNG, BMP, WebP or GIF file.
        resolution: height and width of the result.
        channels: 3 for colour, 1 for gray.

    Returns:
        uint8 `[resolution, resolution, channels]`.

    Raises:
        UnreadableImageError: the content is damaged, or none of these.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            # JPEG decoders give halves, quarters and eighths of an image at once.
            image.draft(None, (2 * resolution, 2 * resolution))
            upright = _upright(image)
            plain = _plain(upright, "L" if channels == 1 else "RGB")
            pixels = np.asarray(_square(plain, resolution))
    except _DAMAGED as error:
        raise _unreadable(error) from error
    return pixels.reshape(resolution, resolution, channels)


def examine(content: bytes) -> Examined:
    """Decodes an image, in small where that is faster, to see that it can be.

    Raises:
        UnreadableImageError: the content is damaged, or no image.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
            is_plain = (
                image.format in _PLAIN_FORMATS
                and image.mode in ("L", "RGB")
                and not image.has_transparency_data
                and not getattr(image, "is_animated", False)
            )
            image.draft(None, (8, 8))
            image.load()
            turned = _orientation(image)
    except _DAMAGED as error:
        raise _unreadable(error) from error
    if turned in _ON_ITS_SIDE:
        width, height = height, width
    return Examined(height, width, is_plain and turned == _UPRIGHT)


def decode_crop(content: bytes, box: Sequence[int], channels: int) -> np.ndarray:
    """Decodes part of an image.

    Args:
        content: of a JPEG, PNG, BMP, WebP or GIF file.
        box: top, left, height and width in pixels, within the upright image.
        channels: 3 for colour, 1 for gray.

    Returns:
        uint8 `[height, width, channels]`.

    Raises:
        UnreadableImageError: the content is damaged, or none of these.
    """
    top, left, height, width = box
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            crop = _upright(image).crop((left, top, left + width, top + height))
            pixels = np.asarray(_plain(crop, "L" if channels == 1 else "RGB"))
    except _DAMAGED as error:
        raise _unreadable(error) from error
    return pixels.reshape(height, width, channels)


def _unreadable(error: BaseException) -> UnreadableImageError:
    if isinstance(error, Image.UnidentifiedImageError):
        return UnreadableImageError("not an image, or cut off near its beginning")
    return UnreadableImageError(str(error) or type(error).__name__)


def _orientation(image: Image.Image) -> int:
    """How a camera was held, as EXIF counts."""
    try:
        noted = image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT)
    except _DAMAGED:
        return _UPRIGHT
    return noted if noted in _TURNED else _UPRIGHT


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except _DAMAGED:
        # The pixels are whole; only what a camera noted about them is not.
        return image


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """Without transparency, 8 bits, in the mode `L` or `RGB`."""
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(white, layer)
    return image if image.mode == mode else image.convert(mode)


def _square(image: Image.Image, resolution: int) -> Image.Image:
    """The largest square in the middle, resized."""
    if image.size == (resolution, resolution):
        return image
    side = min(image.size)
    left, top = ((length - side) / 2 for length in image.size)
    return image.resize(
        (resolution, resolution),
        Image.Resampling.BILINEAR,
        box=(left, top, left + side, top + side),
        reducing_gap=3.0,
    )
