"""Checks that the file of an image is complete, where decoders do not.

Pillow shows the missing rows of a PNG as black, and both libraries those of some JPEGs, without an
error. Both formats say where they end: a PNG has a checksum in every chunk and a last chunk, a JPEG
has a last marker.

WebP and BMP files that are cut off are refused by their decoders, since both say how long they are.
An end that was overwritten with zeros cannot be told from content: neither has a checksum, a BMP
stores black as zeros, and intact WebP files of large images with a plain lower half were seen to
end in 700 kB of zeros.
"""

import re
import zlib

# A marker that stands alone in the data of a scan is neither a stuffed byte nor a restart marker.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_END_OF_IMAGE = 0xD9
# Markers without a length: TEM, RST0 to RST7, SOI.
_BARE = (0x01, *range(0xD0, 0xD9))


class UnreadableImageError(ValueError):
    """A file could not be read as an image; the message gives the reason but no file name."""


def check(kind: str | None, content: bytes) -> None:
    """Checks a file of the format `kind`, as Pillow calls it; formats other than two are accepted.

    Raises:
        UnreadableImageError: its end is missing, or bytes were changed.
    """
    if kind == "PNG":
        _check_png(content)
    elif kind in ("JPEG", "MPO"):
        _check_jpeg(content)


def _check_png(content: bytes) -> None:
    place = 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        kind, end = content[place + 4 : place + 8], place + 12 + length
        if end > len(content):
            break
        is_critical = not kind[0] & 0x20
        noted = int.from_bytes(content[end - 4 : end], "big")
        if is_critical and zlib.crc32(memoryview(content)[place + 4 : end - 4]) != noted:
            raise UnreadableImageError("a damaged PNG: a checksum in it is wrong")
        if kind == b"IEND":
            return
        place = end
    raise UnreadableImageError("a PNG that is cut off: its end is missing")


def _check_jpeg(content: bytes) -> None:
    place = 2
    while found := _AFTER_SCAN.search(content, place):
        marker, place = content[found.end() - 1], found.end()
        if marker == _END_OF_IMAGE:
            return
        # The data of a scan follow its header, up to the next marker.
        if marker not in _BARE:
            place += int.from_bytes(content[place : place + 2], "big")
    raise UnreadableImageError("a JPEG that is cut off: its end is missing")
