"""Recalibrates the moving moments of batch normalization.

Weights inherited from a supernet come with moments that were collected on random paths. The moments
of a single child differ (Yu & Huang 2019, "post-statistics of batch normalization").
"""

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from nas.data import batching
from nas.data.splits.split import Split

_IMAGES = 2000
BATCH = 200


def batches(split: Split) -> list[np.ndarray]:
    """Returns at most 2000 class-balanced training images, in batches, to measure moments on."""
    count = min(_IMAGES, len(split))
    batch = split.images_at_once(BATCH)
    return np.array_split(batching.calibration_images(split, count), -(-count // batch))


def recalibrate(model: keras.Model, batches: Iterable[tf.Tensor]) -> None:
    """Replaces every moving mean and variance by the average over `batches`.

    Args:
        model: any Keras model; its other weights do not change.
        batches: images `[batch, height, width, channels]`, inputs of the model.

    Raises:
        ValueError: there is no batch.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momentums = [layer.momentum for layer in layers]
    count = 0
    try:
        for count, images in enumerate(batches, start=1):
            for layer in layers:
                # Makes a running average of the first `count` batches; the old value has weight 0.
                layer.momentum = (count - 1) / count
            model(images, training=True)
    finally:
        for layer, momentum in zip(layers, momentums, strict=True):
            layer.momentum = momentum
    if not count:
        raise ValueError("batches: expected at least one batch of images, received none")
