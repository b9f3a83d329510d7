"""Decodes an image file with Pillow into an array of a given size.

A photo is turned upright as its EXIF data say, transparent parts are laid on white, and 16-bit gray
keeps its upper byte. Then the largest square in the middle is resized.
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
# Values of the EXIF field Orientation.
_UPRIGHT, _TURNED, _ON_ITS_SIDE = 1, range(2, 9), range(5, 9)
_GRAY = ("1", "L", "LA", "La")
# Exceptions that Pillow raises on damaged files.
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
    """A file could not be read as an image; the message gives the reason but no file name."""


@dataclasses.dataclass(frozen=True)
class Header:
    """Properties of an image that its header tells, without decoding.

    Attributes:
        width: in pixels, before the image is turned upright.
        height: likewise.
        is_gray: whether the image has no colours.
        is_transparent: whether it has an alpha channel or a transparent colour.
    """

    width: int
    height: int
    is_gray: bool
    is_transparent: bool


@dataclasses.dataclass(frozen=True)
class Examined:
    """Properties of an image found by decoding it.

    Attributes:
        height: in pixels, of the upright image.
        width: likewise.
        is_plain: whether it is an opaque JPEG or PNG of 8-bit gray or RGB that is stored upright,
            which every decoder reads alike.
    """

    height: int
    width: int
    is_plain: bool


def read_header(file: BinaryIO) -> Header:
    """Reads size and colours of an image without decoding; reads only the beginning of the file.

    Raises:
        UnreadableImageError: the content does not begin like an image.
    """
    try:
        with Image.open(file, formats=_FORMATS) as image:
            is_gray = image.mode in _GRAY or image.mode.startswith("I")
            return Header(*image.size, is_gray, image.has_transparency_data)
    except _DAMAGED as error:
        raise _unreadable(error) from error


def decode(content: bytes, resolution: int, channels: int) -> np.ndarray:
    """Decodes an image, cut to a square and resized.

    Args:
        content: bytes of a JPEG, PNG, BMP, WebP or GIF file.
        resolution: height and width of the result.
        channels: 3 for colour, 1 for gray.

    Returns:
        uint8 `[resolution, resolution, channels]`.

    Raises:
        UnreadableImageError: the content is damaged or has none of these formats.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            # JPEG decoders can decode directly to a half, a quarter or an eighth of the size.
            image.draft(None, (2 * resolution, 2 * resolution))
            upright = _upright(image)
            plain = _plain(upright, "L" if channels == 1 else "RGB")
            pixels = np.asarray(_square(plain, resolution))
    except _DAMAGED as error:
        raise _unreadable(error) from error
    return pixels.reshape(resolution, resolution, channels)


def resized(pixels: np.ndarray, resolution: int) -> np.ndarray:
    """Returns decoded images, each cut to a square and resized as `decode` does.

    Args:
        pixels: uint8 `[n, height, width, channels]`.
        resolution: height and width of the result.

    Returns:
        uint8 `[n, resolution, resolution, channels]`.
    """
    found = np.empty((len(pixels), resolution, resolution, pixels.shape[-1]), np.uint8)
    for place, image in enumerate(pixels):
        square = _square(Image.fromarray(np.squeeze(image)), resolution)
        found[place] = np.asarray(square).reshape(resolution, resolution, -1)
    return found


def examine(content: bytes) -> Examined:
    """Checks that an image can be decoded, at a reduced size where that is faster.

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
        content: bytes of a JPEG, PNG, BMP, WebP or GIF file.
        box: top, left, height and width in pixels, within the upright image.
        channels: 3 for colour, 1 for gray.

    Returns:
        uint8 `[height, width, channels]`.

    Raises:
        UnreadableImageError: the content is damaged or has none of these formats.
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
    """Returns the image's EXIF orientation, 1 to 8; 1 (upright) if it is missing or damaged."""
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
        # Only the EXIF data are damaged; the pixels are complete.
        return image


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """Converts to 8 bits in the mode `L` or `RGB`; transparent parts are laid on white."""
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(white, layer)
    return image if image.mode == mode else image.convert(mode)


def _square(image: Image.Image, resolution: int) -> Image.Image:
    """Cuts out the largest square in the middle and resizes it."""
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
