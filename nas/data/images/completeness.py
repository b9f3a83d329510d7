"""Checks that the file of an image is complete, where decoders do not.

Pillow shows the missing rows of a PNG as black, and both libraries those of some JPEGs, without an
error. Both formats say where they end: a PNG has a checksum in every chunk and a last chunk, a JPEG
has a last marker. A sector of zeros in the middle of a JPEG, as a failing disk or an interrupted
download leaves it, is known by the codes of the image: zeros are blocks that none contains.

WebP and BMP files that are cut off are refused by their decoders, since both say how long they are.
An end that was overwritten with zeros cannot be told from content: neither has a checksum, a BMP
stores black as zeros, and intact WebP files of large images with a plain lower half were seen to
end in 700 kB of zeros.
"""

import re
import zlib
from collections.abc import Iterator

# A marker that stands alone in the data of a scan is neither a stuffed byte nor a restart marker.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_END_OF_IMAGE = 0xD9
# Markers without a length: TEM, RST0 to RST7, SOI.
_BARE = (0x01, *range(0xD0, 0xD9))
_BASELINE, _HUFFMAN_CODES, _SCAN = (0xC0, 0xC1), 0xC4, 0xDA
_HOLE = bytes(512)


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
    place, marker, is_baseline, all_zeros = 2, 0, False, b""
    while found := _AFTER_SCAN.search(content, place):
        if marker == _SCAN and is_baseline and any(all_zeros):
            _check_scan(content, place, found.start())
        marker, place = content[found.end() - 1], found.end()
        if marker == _END_OF_IMAGE:
            return
        is_baseline |= marker in _BASELINE
        # The data of a scan follow its header, up to the next marker.
        if marker not in _BARE:
            begin, place = place + 2, place + int.from_bytes(content[place : place + 2], "big")
            if marker == _HUFFMAN_CODES:
                all_zeros += bytes(_shortest(content[begin:place]))
    raise UnreadableImageError("a JPEG that is cut off: its end is missing")


def _shortest(tables: bytes) -> Iterator[int]:
    """Yields what zeros mean in each of the tables of Huffman codes in a segment.

    That is 0 where zeros are a block of one colour, the same as the one before, which pictures with
    plain areas contain.
    """
    while len(tables) > 17:
        yield tables[17]
        tables = tables[17 + sum(tables[1:17]) :]


def _check_scan(content: bytes, begin: int, end: int) -> None:
    """Checks the data of a scan, in which zeros stand for no plain area."""
    hole = content.find(_HOLE, begin, end)
    # Some cameras fill up with zeros before the last marker.
    if hole >= 0 and content[hole:end].strip(b"\0"):
        raise UnreadableImageError("a damaged JPEG: a part of its pixels was overwritten by zeros")
