"""Decodes an image file into an array of a given size.

A photo is turned upright as its EXIF data say, transparent parts are laid on white, and 16-bit
values are scaled to 8 bits. Then the largest square in the middle is resized.
"""

import dataclasses
import io
import math
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import tensorflow as tf
from PIL import ExifTags, Image, ImageOps

from nas.data.images import depth, image_decoding, looks, opening
from nas.data.images.depth import Levels
from nas.data.images.opening import UnreadableImageError

_PLAIN_FORMATS = ("JPEG", "PNG")
# Values of the EXIF field Orientation.
_UPRIGHT, _TURNED, _ON_ITS_SIDE = 1, range(2, 9), range(5, 9)
_GRAY = ("1", "L", "LA", "La")
# Exceptions that Pillow raises on damaged EXIF data.
_DAMAGED_EXIF = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError)


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
            which every decoder reads alike, and small enough to be decoded whole.
        look: what it looks like; see `nas.data.images.looks`.
        levels: smallest and largest value of a 16-bit image; None for 8 bits.
    """

    height: int
    width: int
    is_plain: bool
    look: bytes
    levels: Levels | None = None


def read_header(file: BinaryIO) -> Header:
    """Reads size and colours of an image without decoding; reads only the beginning of the file.

    Raises:
        UnreadableImageError: the content does not begin like an image.
    """
    with opening.opened(file) as image:
        is_gray = image.mode in _GRAY or image.mode.startswith("I")
        return Header(*image.size, is_gray, image.has_transparency_data)


def decode(
    content: bytes, resolution: int, channels: int, levels: Levels | None = None
) -> np.ndarray:
    """Decodes an image, cut to a square and resized.

    Args:
        content: bytes of a JPEG, PNG, BMP, WebP or GIF file.
        resolution: height and width of the result.
        channels: 3 for colour, 1 for gray.
        levels: range of 16-bit values; None for all 65536.

    Returns:
        uint8 `[resolution, resolution, channels]`.

    Raises:
        UnreadableImageError: the content is damaged, too large or has none of these formats.
    """
    # JPEG decoders can decode directly to a half, a quarter or an eighth of the size.
    with opening.decodable(content, (2 * resolution, 2 * resolution)) as (image, size):
        if _orientation(image) in _ON_ITS_SIDE:
            size = size[::-1]
        plain = _plain(_upright(image, content, levels), _mode(channels))
        pixels = np.asarray(_square(plain, resolution, size))
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
    """Decodes an image as a training does, to see that this is possible and what it looks like.

    TensorFlow decodes what is plain; Pillow everything else, and what is very large.

    Raises:
        UnreadableImageError: the content is damaged, too large, or no image.
    """
    levels = None
    with opening.decodable(content, (looks.SIDE, looks.SIDE)) as (image, (width, height)):
        turned = _orientation(image)
        is_deep = depth.is_deep(content)
        is_plain = (
            image.format in _PLAIN_FORMATS
            and image.mode in ("L", "RGB")
            and not (image.has_transparency_data or is_deep)
            and not getattr(image, "is_animated", False)
            and turned == _UPRIGHT
            and not opening.is_large(width, height)
        )
        if is_plain:
            picture = _by_tensorflow(content, width, height)
        elif is_deep:
            levels = depth.levels_of(depth.read(content))
            picture = _plain(_upright(image, content, depth.joined([levels])))
        else:
            picture = _plain(_upright(image))
        look = looks.of(_square(picture, looks.SIDE))
    if turned in _ON_ITS_SIDE:
        width, height = height, width
    return Examined(height, width, is_plain, look, levels)


def decode_crop(
    content: bytes,
    box: Sequence[int],
    channels: int,
    levels: Levels | None = None,
    resolution: int | None = None,
) -> np.ndarray:
    """Decodes part of an image.

    Args:
        content: bytes of a JPEG, PNG, BMP, WebP or GIF file.
        box: top, left, height and width in pixels, within the upright image.
        channels: 3 for colour, 1 for gray.
        levels: range of 16-bit values; None for all 65536.
        resolution: side to which the part will be resized. A very large JPEG is then decoded at a
            half, a quarter or an eighth of its size where that leaves enough pixels.

    Returns:
        uint8 `[height, width, channels]`; fewer pixels where the image was decoded reduced.

    Raises:
        UnreadableImageError: the content is damaged, too large or has none of these formats.
    """
    top, left, height, width = box
    least = None
    with opening.opened(io.BytesIO(content)) as image:
        if resolution and opening.is_large(*image.size):
            share = 2 * resolution / max(1, min(height, width))
            stored_width, stored_height = image.size
            least = max(1, round(stored_width * share)), max(1, round(stored_height * share))
    with opening.decodable(content, least) as (image, size):
        turned = _orientation(image)
        upright = _upright(image, content, levels)
        whole = size[::-1] if turned in _ON_ITS_SIDE else size
        across, down = upright.width / whole[0], upright.height / whole[1]
        place = (
            round(left * across),
            round(top * down),
            max(round(left * across) + 1, round((left + width) * across)),
            max(round(top * down) + 1, round((top + height) * down)),
        )
        pixels = np.asarray(_plain(upright.crop(place), _mode(channels)))
    return pixels.reshape(*pixels.shape[:2], channels)


def upright_picture(content: bytes, levels: Levels | None = None) -> Image.Image:
    """Decodes a whole image, turned upright and laid on white, in the mode RGB.

    Raises:
        UnreadableImageError: the content is damaged, too large or has none of these formats.
    """
    with opening.decodable(content) as (image, _):
        return _plain(_upright(image, content, levels))


def _by_tensorflow(content: bytes, width: int, height: int) -> Image.Image:
    try:
        with tf.device("CPU"):
            box = tf.constant([0, 0, height, width])
            return Image.fromarray(image_decoding.colour_crop(tf.constant(content), box).numpy())
    except tf.errors.InvalidArgumentError as error:
        raise UnreadableImageError("cut off or damaged") from error


def _mode(channels: int) -> str:
    return "L" if channels == 1 else "RGB"


def _orientation(image: Image.Image) -> int:
    """Returns the image's EXIF orientation, 1 to 8; 1 (upright) if it is missing or damaged."""
    try:
        noted = image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT)
    except _DAMAGED_EXIF:
        return _UPRIGHT
    return noted if noted in _TURNED else _UPRIGHT


def _upright(image: Image.Image, content: bytes = b"", levels: Levels | None = None) -> Image.Image:
    """Decodes an image and turns it; a 16-bit image becomes one of 8 bits.

    Args:
        image: the opened image.
        content: bytes of its file, to decode all 16 bits.
        levels: range of its values.
    """
    if depth.is_deep(content):
        pixels = depth.to_bytes(depth.read(content), levels or depth.FULL)
        noted = image.info.get("exif")
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        if noted:
            image.info["exif"] = noted
    else:
        image.load()
    try:
        return ImageOps.exif_transpose(image)
    except _DAMAGED_EXIF:
        # Only the EXIF data are damaged; the pixels are complete.
        return image


def _plain(image: Image.Image, mode: str = "RGB") -> Image.Image:
    """Converts to 8 bits in the mode `L` or `RGB`; transparent parts are laid on white."""
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(white, layer)
    return image if image.mode == mode else image.convert(mode)


def _square(
    image: Image.Image, resolution: int, stored: tuple[int, int] | None = None
) -> Image.Image:
    """Cuts out the largest square in the middle and resizes it.

    Args:
        image: the upright image.
        resolution: height and width of the result.
        stored: width and height before the image was decoded at a reduced size. The square is that
            of the stored image, at whole pixels, as an app cuts it.
    """
    if image.size == (resolution, resolution):
        return image
    width, height = stored or image.size
    side = min(width, height)
    # Decoders reduce by 1, 2, 4 or 8 and round the sides up.
    times = round(width / image.width)
    left, top = (width - side) // 2, (height - side) // 2
    box = (
        left / times,
        top / times,
        min((left + side) / times, image.width),
        min((top + side) / times, image.height),
    )
    # Cut first, as an app does: Pillow blends pixels outside of a box into its edges.
    x, y = math.floor(box[0]), math.floor(box[1])
    cut = image.crop((x, y, math.ceil(box[2]), math.ceil(box[3])))
    return cut.resize(
        (resolution, resolution),
        Image.Resampling.BILINEAR,
        box=(box[0] - x, box[1] - y, box[2] - x, box[3] - y),
        reducing_gap=3.0,
    )
