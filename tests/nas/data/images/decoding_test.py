import io
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.data.images import decoding


def encoded(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def noise(height, width, *bands, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, *bands), np.uint8)


def test_an_image_of_the_right_size_keeps_every_pixel():
    pixels = noise(16, 16, 3)
    decoded = decoding.decode(encoded(Image.fromarray(pixels)), 16, 3)
    np.testing.assert_array_equal(decoded, pixels)
    assert decoded.dtype == np.uint8


def test_gray_images_have_one_channel_or_three_alike():
    pixels = noise(16, 16)
    content = encoded(Image.fromarray(pixels))
    np.testing.assert_array_equal(decoding.decode(content, 16, 1), pixels[..., np.newaxis])
    np.testing.assert_array_equal(decoding.decode(content, 16, 3), np.stack([pixels] * 3, -1))


def test_the_square_in_the_middle_is_taken():
    pixels = np.zeros((8, 24, 3), np.uint8)
    pixels[:, 8:16] = 200
    assert (decoding.decode(encoded(Image.fromarray(pixels)), 8, 3) == 200).all()
    # When shrunk, pixels at the edge are mixed with their neighbours outside of the crop.
    assert (decoding.decode(encoded(Image.fromarray(pixels)), 4, 3)[:, 1:-1] == 200).all()
    upright = np.ascontiguousarray(np.swapaxes(pixels, 0, 1))
    assert (decoding.decode(encoded(Image.fromarray(upright)), 16, 3)[1:-1] == 200).all()


def test_large_photos_shrink_to_their_mean_colour():
    pixels = np.full((600, 800, 3), (10, 120, 240), np.uint8)
    decoded = decoding.decode(encoded(Image.fromarray(pixels), "JPEG", quality=95), 32, 3)
    np.testing.assert_allclose(decoded, np.broadcast_to((10, 120, 240), (32, 32, 3)), atol=3)


def test_what_is_transparent_is_laid_on_white():
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:4, :, 3] = 255
    decoded = decoding.decode(encoded(Image.fromarray(pixels)), 8, 3)
    assert (decoded[:4] == 0).all() and (decoded[4:] == 255).all()


def test_16_bit_gray_keeps_its_upper_byte():
    values = (noise(8, 8).astype(np.uint16) << 8) + 77
    decoded = decoding.decode(encoded(Image.fromarray(values)), 8, 1)
    np.testing.assert_array_equal(decoded[..., 0], values >> 8)


def test_a_photo_is_turned_as_its_camera_noted():
    pixels = noise(16, 16, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # To be rotated by 90 degrees clockwise.
    decoded = decoding.decode(encoded(Image.fromarray(pixels), exif=exif), 16, 3)
    np.testing.assert_array_equal(decoded, np.rot90(pixels, -1))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_notes_of_a_camera_do_not_make_a_photo_unreadable():
    pixels = noise(16, 16, 3)
    content = encoded(Image.fromarray(pixels), "JPEG", quality=100, exif=b"Exif\0\0II*\0garbage")
    assert decoding.decode(content, 16, 3).shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("mode", "is_gray", "is_transparent"),
    [
        ("L", True, False),
        ("1", True, False),
        ("LA", True, True),
        ("I;16", True, False),
        ("RGB", False, False),
        ("RGBA", False, True),
        ("P", False, False),
    ],
)
def test_the_header_tells_size_and_kind(mode, is_gray, is_transparent):
    content = encoded(Image.new(mode, (7, 5)))
    assert decoding.read_header(io.BytesIO(content)) == decoding.Header(
        7, 5, is_gray, is_transparent
    )


@pytest.mark.parametrize("content", [b"", b"GIF", b"no image at all", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_refused(content):
    with pytest.raises(decoding.UnreadableImageError, match="not an image"):
        decoding.decode(content, 8, 3)
    with pytest.raises(decoding.UnreadableImageError, match="not an image"):
        decoding.read_header(io.BytesIO(content))


def test_a_cut_off_image_is_refused():
    for kind in ("JPEG", "PNG", "BMP"):
        content = encoded(Image.fromarray(noise(64, 64, 3)), kind)
        with pytest.raises(decoding.UnreadableImageError):
            decoding.decode(content[: len(content) // 2], 8, 3)


WHOLE = [
    encoded(Image.fromarray(noise(9, 13, 3)), "JPEG"),
    encoded(Image.fromarray(noise(9, 13, 3)), "JPEG", progressive=True, exif=Image.Exif()),
    encoded(Image.fromarray(noise(9, 13, 4))),
    encoded(Image.fromarray(noise(9, 13)).convert("P"), transparency=0),
    encoded(Image.fromarray(noise(9, 13, 3)), "BMP"),
    encoded(Image.fromarray(noise(9, 13, 4)), "WEBP"),
    encoded(Image.fromarray(noise(9, 13)), "GIF"),
]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@settings(max_examples=300)
@given(
    content=st.sampled_from(WHOLE),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 4000),
    channels=st.sampled_from([1, 3]),
)
def test_any_bytes_give_an_image_or_the_one_error(content, changes, length, channels):
    damaged = bytearray(content[: max(length, 1)])
    for place, value in changes:
        damaged[place % len(damaged)] = value
    # A damaged header can announce a huge image, which would take memory before it is refused.
    with mock.patch.object(Image, "MAX_IMAGE_PIXELS", 100_000):
        for read in (
            lambda: decoding.decode(bytes(damaged), 8, channels),
            lambda: decoding.read_header(io.BytesIO(bytes(damaged))),
        ):
            try:
                read()
            except decoding.UnreadableImageError:
                pass
