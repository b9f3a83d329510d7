"""Moving moments of batch normalization, measured anew.

Weights inherited from a supernet come with moments that were collected behind random paths; a
child's own differ (Yu & Huang 2019, "post-statistics of batch normalization").
"""

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from nas.data import batching
from nas.data.splits.split import Split

_IMAGES = 2000
_BATCH = 200


def batches(split: Split) -> list[np.ndarray]:
    """Class-balanced training images to measure moments on, at most 2000 of them."""
    count = min(_IMAGES, len(split))
    batch = split.images_at_once(_BATCH)
    return np.array_split(batching.calibration_images(split, count), -(-count // batch))


def recalibrate(model: keras.Model, batches: Iterable[tf.Tensor]) -> None:
    """Replaces every moving mean and variance by the average over `batches`.

    Args:
        model: any Keras model; its weights are left as they are.
        batches: images `[batch, height, width, channels]`, as the model takes them.

    Raises:
        ValueError: there is no batch.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momentums = [layer.momentum for layer in layers]
    count = 0
    try:
        for count, images in enumerate(batches, start=1):
            for layer in layers:
                # The running average of the first `count` batches, whatever stood there before.
                layer.momentum = (count - 1) / count
            model(images, training=True)
    finally:
        for layer, momentum in zip(layers, momentums, strict=True):
            layer.momentum = momentum
    if not count:
        raise ValueError("batches: expected at least one batch of images, received none")
