"""Says what a file is that is no readable image, from its first bytes."""

_ADVICE = "convert it to JPEG or PNG"
# First bytes, and what such a file is called.
_BY_START = (
    (b"II*\x00", f"a TIFF image; {_ADVICE}"),
    (b"MM\x00*", f"a TIFF image; {_ADVICE}"),
    (b"II+\x00", f"a TIFF image; {_ADVICE}"),
    (b"MM\x00+", f"a TIFF image; {_ADVICE}"),
    (b"\xff\x0a", f"a JPEG XL image; {_ADVICE}"),
    (b"\x00\x00\x00\x0cJXL ", f"a JPEG XL image; {_ADVICE}"),
    (b"\x00\x00\x00\x0cjP  ", f"a JPEG 2000 image; {_ADVICE}"),
    (b"\xff\x4f\xff\x51", f"a JPEG 2000 image; {_ADVICE}"),
    (b"8BPS", f"a Photoshop image; {_ADVICE}"),
    (b"\x00\x00\x01\x00", f"an icon (ICO); {_ADVICE}"),
    (b"FUJIFILM", f"a raw photo; {_ADVICE}"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\x00\x05\x16\x07", "an AppleDouble file, which macOS writes beside the actual one"),
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the files with git lfs pull"),
    (b"\xff\xd8\xff", "a JPEG that is cut off near its beginning"),
    (b"\x89PNG", "a PNG that is cut off near its beginning"),
    (b"GIF8", "a GIF that is cut off near its beginning"),
    (b"BM", "a BMP that is cut off near its beginning"),
    (b"RIFF", "a WebP that is cut off near its beginning, or a sound or video"),
)
# Brands of the container of MPEG-4, in which phones store photos too.
_BY_BRAND = (
    ((b"avif", b"avis"), f"an AVIF image; {_ADVICE}"),
    (
        (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"),
        f"a HEIC photo; {_ADVICE}",
    ),
    ((b"crx ",), f"a raw photo; {_ADVICE}"),
)
_BY_TAG = (
    (b"<!doctype html", "an HTML page, as a failed download leaves it"),
    (b"<html", "an HTML page, as a failed download leaves it"),
    (b"<svg", f"an SVG drawing; {_ADVICE}"),
    (b"<?xml", "an XML file"),
)
# How many of a file's first bytes `describe` looks at.
HEAD_BYTES = 512


def describe(head: bytes) -> str:
    """Says what a file is that no decoder here accepts.

    Args:
        head: the first `HEAD_BYTES` bytes of the file, or all.

    Example:
        >>> describe(b"<!DOCTYPE html><title>404</title>")
        'an HTML page, as a failed download leaves it'
    """
    if not head:
        return "an empty file"
    if not head.strip(b"\0"):
        return "a file of zeros, as an interrupted copy leaves it"
    if head[4:8] == b"ftyp":
        brands = head[8 : max(12, int.from_bytes(head[:4], "big"))]
        for known, name in _BY_BRAND:
            if any(brand in brands for brand in known):
                return name
        return "a video"
    for start, name in _BY_START:
        if head.startswith(start):
            return name
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for tag, name in _BY_TAG:
        if text[: len(tag)].lower() == tag:
            return "an SVG drawing; " + _ADVICE if b"<svg" in head.lower() else name
    if _is_text(head):
        return "a text file"
    return "not an image, or cut off near its beginning"


def _is_text(head: bytes) -> bool:
    try:
        decoded = head[:-3].decode()
    except UnicodeDecodeError:
        return False
    return bool(decoded) and all(c.isprintable() or c in "\n\r\t" for c in decoded)
