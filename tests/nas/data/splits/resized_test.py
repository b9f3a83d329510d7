"""Splits and data sets at another resolution, and what a supernet does with its batches."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from nas.data import arrays
from nas.data.images import decoding
from nas.supernet import resizing

RNG = np.random.default_rng(0)


def smooth(count, size, channels):
    """Images without sharp edges, as photographs are."""
    coarse = RNG.uniform(0, 255, (count, 6, 6, channels)).astype(np.float32)
    return tf.image.resize(coarse, [size, size], "bicubic").numpy().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_resized_as_encoded_images_are(channels):
    images = smooth(3, 32, channels)
    found = decoding.resized(images, 24)
    assert found.shape == (3, 24, 24, channels) and found.dtype == np.uint8
    for image, small in zip(images, found, strict=True):
        file = io.BytesIO()
        Image.fromarray(np.squeeze(image)).save(file, "PNG")
        np.testing.assert_array_equal(small, decoding.decode(file.getvalue(), 24, channels))


def test_a_data_set_at_another_resolution_has_the_same_examples():
    data = arrays.dataset_from_arrays(smooth(40, 32, 3), np.arange(40) % 2)
    small = data.at_resolution(24)
    assert small.input_shape == (24, 24, 3) and small.num_classes == data.num_classes
    for name in ("train", "validation", "test"):
        own, other = getattr(small, name), getattr(data, name)
        np.testing.assert_array_equal(own.labels, other.labels)
        np.testing.assert_array_equal(own.ids, other.ids)
        expected = decoding.resized(other.pixels(slice(None)), 24)
        np.testing.assert_array_equal(own.pixels(slice(None)), expected)
    assert data.at_resolution(32) is data
    assert small.summary != data.summary


def test_a_supernet_resizes_a_batch_as_the_data_of_a_child_are_resized():
    images = smooth(4, 32, 3)
    batch = tf.constant(images / 127.5 - 1.0, tf.float32)
    small = resizing.resized(batch, (24, 32), tf.constant(0))
    expected = decoding.resized(images, 24) / 127.5 - 1.0
    # Pixels of a child are whole numbers from 0 to 255.
    np.testing.assert_allclose(small, expected, atol=2.5 / 127.5)
    assert np.abs(small - expected).mean() < 0.5 / 127.5
    np.testing.assert_array_equal(resizing.resized(batch, (24, 32), tf.constant(1)), batch)
