"""Opens image files with Pillow, in our limits and with our error messages.

Pillow's own limits guard servers against small files that become huge. Here the files are the
user's own: photos of 200 megapixels are usual, and so are PNG files with long texts and colour
profiles. The limit is the memory of the machine instead.
"""

import contextlib
import io
import struct
import threading
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image, PngImagePlugin

from nas.data import machine_memory
from nas.data.images import completeness, file_kinds
from nas.data.images.completeness import UnreadableImageError

_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF")
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
_CUT_OFF, _DAMAGED_PIXELS = "cut off: its end is missing", "damaged: its pixels cannot be decoded"
# How Pillow's messages begin, and what we say.
_IN_OUR_WORDS = {
    "could not create decoder object": "a WebP that is cut off or damaged",
    "image file is truncated": _CUT_OFF,
    "Truncated File Read": _CUT_OFF,
    "broken data stream": _DAMAGED_PIXELS,
    "unrecognized data stream": _DAMAGED_PIXELS,
    "failed to read next frame": _DAMAGED_PIXELS,
    "cannot load this image": _DAMAGED_PIXELS,
}
# Images of more pixels are decoded one at a time, and at a reduced size where the format allows it.
LARGE_PIXELS = 40_000_000
# The decoded image and its copy in another mode.
_BYTES_A_PIXEL = 8
_TEXT_BYTES = 256 << 20

Image.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = _TEXT_BYTES
_one_large_image = threading.RLock()


@contextlib.contextmanager
def opened(file: BinaryIO) -> Iterator[Image.Image]:
    """Opens an image; Pillow's errors inside the context become an `UnreadableImageError`.

    Args:
        file: content of a JPEG, PNG, BMP, WebP or GIF file.

    Raises:
        UnreadableImageError: the content is damaged or has none of these formats.
    """
    head = file.read(file_kinds.HEAD_BYTES)
    file.seek(0)
    try:
        with Image.open(file, formats=_FORMATS) as image:
            yield image
    except UnreadableImageError:
        raise
    except Image.UnidentifiedImageError as error:
        raise UnreadableImageError(file_kinds.describe(head)) from error
    except MemoryError as error:
        raise UnreadableImageError("too large for the free memory; save it smaller") from error
    except _DAMAGED as error:
        raise UnreadableImageError(_reason(error)) from error


@contextlib.contextmanager
def decodable(
    content: bytes, least: tuple[int, int] | None = None
) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """Opens an image that is complete and fits into memory; nothing is decoded yet.

    Large images are decoded one at a time.

    Args:
        content: bytes of the file.
        least: width and height in pixels that the caller needs, to decode a JPEG at a half, a
            quarter or an eighth of its size; None for the full size.

    Yields:
        The image, and its width and height before any reduction.

    Raises:
        UnreadableImageError: the content is damaged, no image, or too large for the memory.
    """
    with opened(io.BytesIO(content)) as image:
        size = image.size
        completeness.check(image.format, content)
        if least is not None:
            image.draft(None, least)
        if not is_large(*size):
            yield image, size
            return
        with _one_large_image:
            _check_memory(image, size[0] * size[1])
            yield image, size


def _reason(error: Exception) -> str:
    said = str(error)
    known = (ours for theirs, ours in _IN_OUR_WORDS.items() if said.startswith(theirs))
    return next(known, said or type(error).__name__)


def is_large(width: int, height: int) -> bool:
    """Returns whether an image has so many pixels that it is decoded at a reduced size."""
    return width * height > LARGE_PIXELS


def _check_memory(image: Image.Image, pixels: int) -> None:
    """Raises an error if decoding would take more than half of the free memory.

    Args:
        image: the image, perhaps to be decoded at a reduced size.
        pixels: number of pixels of the whole image.
    """
    needed = _BYTES_A_PIXEL * image.width * image.height
    if image.format == "JPEG" and image.info.get("progressive"):
        # The decoder keeps all coefficients, whatever the size of the result.
        needed += 6 * pixels
    limit = machine_memory.available_bytes() // 2
    if needed > limit:
        raise UnreadableImageError(
            f"{pixels / 1e6:,.0f} megapixels, which take {needed / 1e9:.1f} GB to decode, more "
            f"than half of the free memory ({limit / 1e9:.1f} GB); save it smaller"
        )
