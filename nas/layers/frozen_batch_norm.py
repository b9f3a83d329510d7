"""Batch normalization whose moments do not change in training."""

from typing import Any

import keras


class FrozenBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` that normalizes by its moving moments in training too.

    Scale and offset are trained. A batch of few images has moments far from those of all images,
    and a network that was trained on many images has better ones than those of a few. Weights and
    inference are those of the stock layer.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """As in the stock layer at inference."""
        return super().call(inputs, training=False, mask=mask)
