"""Moving moments of batch normalization, measured anew."""

from collections.abc import Iterable

import keras
import tensorflow as tf


def recalibrate(model: keras.Model, batches: Iterable[tf.Tensor]) -> None:
    """Replaces every moving mean and variance by the average over `batches`.

    Weights inherited from a supernet come with moments that were collected behind random paths;
    the child's own differ (Yu & Huang 2019, "post-statistics of batch normalization").

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
