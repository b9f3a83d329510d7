import io
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from nas.data import machine_memory
from nas.data.images import decoding
from nas.data.images.depth import Levels


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


def test_16_bit_values_are_scaled_from_the_range_of_the_data_set():
    values = noise(8, 8).astype(np.uint16) * 16
    content = encoded(Image.fromarray(values))
    decoded = decoding.decode(content, 8, 1, Levels(0, 16 * 255))
    np.testing.assert_array_equal(decoded[..., 0], values // 16)
    whole = decoding.decode(content, 8, 1)
    np.testing.assert_allclose(whole[..., 0], values / 257, atol=0.51)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_images_of_any_kind_keep_their_depth(channels):
    values = noise(8, 8, channels).astype(np.uint16) * 16
    if channels in (2, 4):
        values[..., -1] = 65535
    content = tf.io.encode_png(values).numpy()
    assert decoding.examine(content).levels[1] <= 16 * 255
    decoded = decoding.decode(content, 8, 3, Levels(0, 16 * 255))
    expected = values[..., :1] if channels < 3 else values[..., :3]
    np.testing.assert_array_equal(decoded, np.broadcast_to(expected // 16, (8, 8, 3)))


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"\xfe\xfe", "not an image"),
        (b"no image at all", "a text file"),
        (b"\x89PNG\r\n\x1a\n", "a PNG that is cut off"),
    ],
)
def test_what_is_no_image_is_refused_and_called_what_it_is(content, message):
    with pytest.raises(decoding.UnreadableImageError, match=message):
        decoding.decode(content, 8, 3)
    with pytest.raises(decoding.UnreadableImageError, match=message):
        decoding.read_header(io.BytesIO(content))


KINDS = {
    "JPEG": {"format": "JPEG"},
    "progressive JPEG": {"format": "JPEG", "progressive": True},
    "PNG": {"format": "PNG"},
    "interlaced gray PNG": {"format": "PNG"},
    "WebP": {"format": "WEBP"},
    "lossless WebP": {"format": "WEBP", "lossless": True},
    "BMP": {"format": "BMP"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [1, 2, 12, 300, 2000])
def test_an_image_that_is_cut_off_anywhere_is_refused(kind, missing):
    image = Image.fromarray(noise(64, 64, 3))
    content = encoded(image.convert("L") if "gray" in kind else image, **KINDS[kind])
    decoding.examine(content), decoding.decode(content, 8, 3)
    for way in (decoding.examine, lambda cut: decoding.decode(cut, 8, 3)):
        with pytest.raises(decoding.UnreadableImageError):
            way(content[:-missing])


@pytest.mark.parametrize("kind", ["JPEG", "progressive JPEG", "PNG", "interlaced gray PNG"])
@pytest.mark.parametrize("share", [3, 2, 100])
def test_an_image_whose_end_was_filled_with_zeros_is_refused(kind, share):
    image = Image.fromarray(noise(64, 64, 3))
    content = encoded(image.convert("L") if "gray" in kind else image, **KINDS[kind])
    missing = len(content) // share
    for way in (decoding.examine, lambda cut: decoding.decode(cut, 8, 3)):
        with pytest.raises(decoding.UnreadableImageError):
            way(content[:-missing] + bytes(missing))


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_with_a_hole_of_zeros_is_refused(mode, optimize):
    content = encoded(Image.fromarray(noise(96, 96, 3)).convert(mode), "JPEG", optimize=optimize)
    middle = len(content) // 2
    torn = content[:middle] + bytes(512) + content[middle + 512 :]
    decoding.examine(content)
    with pytest.raises(decoding.UnreadableImageError, match="overwritten by zeros"):
        decoding.examine(torn)


@pytest.mark.parametrize("quality", [10, 75, 100])
@pytest.mark.parametrize("optimize", [False, True])
def test_plain_areas_and_what_fills_up_a_jpeg_are_no_holes(quality, optimize):
    pixels = np.full((1600, 800, 3), 255, np.uint8)
    pixels[:64], pixels[800:] = noise(64, 800, 3), np.arange(800, dtype=np.uint8)[:, None, None]
    content = encoded(Image.fromarray(pixels), "JPEG", quality=quality, optimize=optimize)
    assert content.endswith(b"\xff\xd9")
    for whole in (content, content[:-2] + bytes(2000) + content[-2:]):
        assert decoding.examine(whole).height == 1600


@pytest.mark.parametrize("kind", ["BMP", "GIF"])
def test_what_is_cut_off_is_called_that_in_our_words(kind):
    content = encoded(Image.fromarray(noise(64, 64)), kind)
    with pytest.raises(decoding.UnreadableImageError, match="^cut off: its end is missing$"):
        decoding.examine(content[: len(content) // 2])


def test_bytes_behind_the_end_of_an_image_are_no_fault():
    for kind in ("JPEG", "PNG"):
        assert decoding.examine(encoded(Image.fromarray(noise(9, 9, 3)), kind) + b"more").is_plain


def test_long_texts_and_profiles_of_a_png_are_no_fault():
    info = PngImagePlugin.PngInfo()
    info.add_text("history", "edited " * 400_000, zip=True)
    profile = np.random.default_rng(0).bytes(3_000_000)
    content = encoded(Image.fromarray(noise(16, 16, 3)), pnginfo=info, icc_profile=profile)
    assert decoding.examine(content).is_plain
    assert decoding.decode(content, 8, 3).shape == (8, 8, 3)


@pytest.fixture(scope="module")
def huge():
    """A photo of 200 megapixels as a phone takes it, left half dark, right half bright."""
    image = Image.new("RGB", (16384, 12288), (30, 30, 30))
    image.paste((220, 220, 220), (8192, 0, 16384, 12288))
    exif = Image.Exif()
    exif[0x0112] = 6  # To be rotated by 90 degrees clockwise: dark above, bright below.
    return encoded(image, "JPEG", quality=80, exif=exif)


def test_a_photo_of_200_megapixels_is_decoded_reduced(huge):
    found = decoding.examine(huge)
    assert (found.height, found.width, found.is_plain) == (16384, 12288, False)
    decoded = decoding.decode(huge, 32, 3)
    assert decoded[:14].max() < 60 and decoded[18:].min() > 190
    crop = decoding.decode_crop(huge, (6144, 0, 4096, 4096), 3, resolution=64)
    assert 128 <= crop.shape[0] == crop.shape[1] <= 1024
    middle = len(crop) // 2
    assert crop[: middle - 8].max() < 60 and crop[middle + 8 :].min() > 190


def test_what_would_not_fit_into_memory_is_refused_in_our_words(huge, monkeypatch):
    monkeypatch.setattr(machine_memory, "available_bytes", lambda: 40_000_000)
    with pytest.raises(
        decoding.UnreadableImageError, match="201 megapixels.*GB to decode.*half of the free memory"
    ):
        decoding.decode(huge, 1024, 3)


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
