import io

import pytest
from PIL import Image

from nas.data.images import decoding, file_kinds


def stored(kind, **options):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "an empty file"),
        (bytes(4096), "a file of zeros"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "a HEIC photo"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(100), "a HEIC photo"),
        (b"\0\0\0\x14ftypmp42\0\0\0\0isom" + bytes(100), "a video"),
        (stored("AVIF"), "an AVIF image"),
        (stored("TIFF"), "a TIFF image"),
        (stored("PDF"), "a PDF document"),
        (b"\n<!DOCTYPE html>\n<html>404</html>", "an HTML page"),
        (b"\xef\xbb\xbf<HTML><body>", "an HTML page"),
        (b"<?xml version='1.0'?><svg width='1'></svg>", "an SVG drawing"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "an XML file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
        (b'{"error": "not found"}', "a text file"),
        (b"\xff\xd8\xff\xe0\0", "a JPEG that is cut off"),
        (b"\xde\xad\xbe\xef" * 9, "not an image"),
    ],
)
def test_a_file_that_is_read_as_no_image_is_called_what_it_is(content, name):
    with pytest.raises(decoding.UnreadableImageError, match=f"^{name}"):
        decoding.examine(content)
    assert file_kinds.describe(content[: file_kinds.HEAD_BYTES]).startswith(name)
