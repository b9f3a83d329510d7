"""What an app computes from photos of any form is what the test computes."""

import io
import pathlib
import re

import keras
import numpy as np
import pytest
from PIL import Image

from export import examples, exporting
from export.checks import app_preparation
from export.content.metadata import About
from nas.architecture import spaces
from nas.data import batching, loading
from nas.data.image_options import ImageOptions
from nas.data.images import decoding
from nas.layers import keras_network
from nas.training import closed_form_head

PAGE = pathlib.Path(__file__).parents[3] / "docs/android.md"
CHILD = spaces.load_space("tiny").with_task(10, 28, 3).child([0, 1, 2])
# Lines of docs/android.md that `app_preparation` follows: of `prepared`, and of `smoothed`.
LINES = """
    val side = (share * minOf(upright.width, upright.height)).roundToInt()
    var square = Bitmap.createBitmap(
        upright, (upright.width - side) / 2, (upright.height - side) / 2, side, side)
    while (square.width >= 6 * size)
        square = Bitmap.createScaledBitmap(square, square.width / 2, square.width / 2, true)
    return smoothed(square, size)
"""


SMOOTHED = """
    val side = square.width
    val scale = side.toFloat() / size
    val reach = maxOf(scale, 1f)
    val taps = List(size) { i ->
        val center = (i + 0.5f) * scale
        val range = maxOf(0, (center - reach).toInt())..minOf(side - 1, (center + reach).toInt())
        val weights = range.map { maxOf(0f, 1f - abs(it + 0.5f - center) / reach) }
        range.first to weights.map { it / weights.sum() }
    }
    val pixels = IntArray(side * side)
    square.getPixels(pixels, 0, side, 0, 0, side, side)
    val result = IntArray(size * size) { Color.BLACK }
    for (shift in listOf(16, 8, 0)) {
        val narrow = FloatArray(side * size) { i ->
            val (first, weights) = taps[i % size]
            weights.foldIndexed(0f) { k, sum, weight ->
                sum + weight * (pixels[i / size * side + first + k] shr shift and 0xff)
            }
        }
        for (i in result.indices) {
            val (first, weights) = taps[i / size]
            val value = weights.foldIndexed(0f) { k, sum, weight ->
                sum + weight * narrow[(first + k) * size + i % size]
            }
            result[i] = result[i] or (value.roundToInt() shl shift)
        }
    }
    return Bitmap.createBitmap(result, size, size, Bitmap.Config.ARGB_8888)
"""


@pytest.mark.parametrize("lines", [LINES, SMOOTHED])
def test_the_page_has_the_lines_that_are_followed_here(lines):
    assert lines.strip("\n") in PAGE.read_text()


def test_kotlin_and_mediapipe_both_prepare_their_images():
    code = "\n".join(re.findall(r"```kotlin\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert code.count("prepared(") == 3  # Its definition, and a call for either runtime.
    assert "setRegionOfInterest(" in code
    assert "rotationDegrees" in code and "isFlipped" in code


@pytest.fixture(scope="module")
def clothes(fashion_data_dir):
    return loading.load("fashion_mnist", fashion_data_dir, images=ImageOptions(channels="rgb"))


@pytest.fixture(scope="module")
def answers_of(clothes):
    """The answers of a linear classifier: fitted in a moment, and the same on every machine."""
    split = clothes.train_and_validation
    images = batching.to_float(split.pixels(slice(None))).numpy().reshape(len(split), -1)
    kernel, bias = closed_form_head.fit(images, split.labels, clothes.num_classes)
    return lambda images: np.argmax(np.reshape(images, [len(images), -1]) @ kernel + bias, axis=1)


@pytest.fixture(scope="module")
def model(clothes):
    keras.utils.set_random_seed(0)
    model = keras_network.build_child(CHILD)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss)
    images = batching.to_float(clothes.train_and_validation.pixels(slice(None))).numpy()
    model.fit(images, clothes.train_and_validation.labels, batch_size=50, epochs=12, verbose=0)
    return model


def photo(pixels, width, height, orientation=1, share=1.0):
    """A JPEG with the item in its middle square, or a share of it, between other things."""
    rng = np.random.default_rng(int(pixels.sum()))
    whole = Image.fromarray(rng.integers(0, 256, (9, 16, 3), np.uint8)).resize((width, height))
    side = round(share * min(width, height))
    item = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    whole.paste(item, ((width - side) // 2, (height - side) // 2))
    turned = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored = whole if turned is None else whole.transpose(turned)
    stored.save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()


FORMS = {
    "square": (256, 256, 1, 150),
    "4:3": (320, 240, 1, 150),
    "16:9": (448, 252, 1, 150),
    "upright 9:16": (252, 448, 1, 150),
    "rotated": (400, 300, 6, 150),
    "upside down": (400, 300, 3, 150),
    "odd sides": (333, 251, 1, 150),
    "little larger": (50, 37, 1, 150),
    "12 megapixels": (4000, 3000, 6, 8),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_app_is_as_accurate_as_the_test_says(clothes, answers_of, form):
    width, height, orientation, count = FORMS[form]
    pixels, labels = clothes.test.pixels(slice(count)), clothes.test.labels[:count]
    photos = [photo(one, width, height, orientation) for one in pixels]
    in_test = np.stack([decoding.decode(content, 28, 3) for content in photos])
    in_app = app_preparation.of(photos, np.arange(count), 28, 3).images
    answers = [answers_of(images) for images in (batching.to_float(in_test), in_app)]
    accuracies = [np.mean(one == labels) for one in answers]
    assert accuracies[0] > 0.6
    assert abs(accuracies[1] - accuracies[0]) <= 0.01


def test_halving_takes_every_pixel_into_account():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    found = app_preparation.create_scaled_bitmap(pixels, 4)
    expected = pixels.reshape(4, 2, 4, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(found, expected, atol=0.51)


@pytest.mark.parametrize("side", [20, 28, 37, 60, 167])
def test_smoothing_is_that_of_training_and_test(side):
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    found = app_preparation.smoothed(pixels, 28).astype(int)
    expected = Image.fromarray(pixels).resize((28, 28), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(found, np.asarray(expected), atol=1)


@pytest.mark.parametrize(("width", "height"), [(320, 150), (150, 320), (201, 151), (64, 28)])
def test_what_lies_beside_the_middle_square_does_not_count(width, height):
    """Every pixel is that of the square alone, at its edges too."""
    rng = np.random.default_rng(width)
    whole = rng.integers(0, 256, (height, width, 3), np.uint8)
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    square = whole[top : top + side, left : left + side]
    in_test = decoding.resized(np.stack([whole]), 28)[0]
    np.testing.assert_array_equal(in_test, decoding.resized(np.stack([square]), 28)[0])
    in_app = app_preparation.prepared(Image.fromarray(whole), 28)
    np.testing.assert_allclose(in_app.astype(int), in_test, atol=1)


def test_gray_is_computed_as_pillow_does():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    found = app_preparation.as_channels(pixels, 1)[..., 0]
    expected = np.asarray(Image.fromarray(pixels).convert("L"))
    np.testing.assert_allclose(found, expected.astype(int), atol=1)


@pytest.mark.parametrize("cache", ["pixels", "files"])
def test_the_accuracy_in_an_app_is_in_the_comparison(clothes, model, tmp_path, cache):
    share = 0.875 if cache == "files" else 1.0
    for part, split in (("train", clothes.train), ("test", clothes.test)):
        for i, (pixels, label) in enumerate(
            zip(split.pixels(slice(150)), split.labels[:150], strict=True)
        ):
            path = tmp_path / f"photos/{part}/{label}"
            path.mkdir(parents=True, exist_ok=True)
            (path / f"{i}.jpg").write_bytes(photo(pixels, 320, 180, share=share))
    images = ImageOptions(resolution=28, cache=cache)
    data = loading.load(f"folder:{tmp_path}/photos", str(tmp_path), images=images)
    model.save(tmp_path / "child.keras")
    given = examples.from_dataset(data)
    about = exporting.describe(tmp_path / "child.keras", data)
    assert about == About(data.name, data.class_names, None, about.pixels)
    assert ("0.875" in about.pixels) == (cache == "files")
    found = exporting.export(tmp_path / "child.keras", ["float32"], tmp_path, given, about)
    app = found["float32"]["in_app"]
    assert app["num_images"] == 150
    assert app["accuracy_in_test"] == found["float32"]["accuracy_tflite"]
    assert abs(app["accuracy"] - app["accuracy_in_test"]) <= 0.0134  # Two of 150 images.
    assert app["accuracy_in_test"] > 0.6 and app["top1_agreement"] > 0.93


def test_images_of_the_networks_size_have_no_other_accuracy_in_an_app(clothes):
    assert examples.from_dataset(clothes).photos is not None  # Stored gray, taken as colour.
