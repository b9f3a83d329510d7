"""Batch normalization by TensorFlow's fused kernel."""

from typing import Any

import keras
import tensorflow as tf

from nas.distribution import replicas
from nas.layers import synchronized_batch_norm


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` whose training step is one fused kernel.

    With TensorFlow, Keras 3 computes moments and normalization as separate operations. This makes
    the training step of a small network about a third slower on a CPU. Weights and inference are
    those of the stock layer, so `set_weights` can copy weights from one to the other. The stock
    layer also computes what the kernel cannot: masks, axes other than the last, inputs that are not
    images, normalization without scale or offset, and a frozen layer.

    With several replicas (`nas.distribution.replicas`) the moving moments follow the mean over
    replicas. `synchronized` has the same meaning as for the stock layer.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """As in the stock layer; inputs are `[batch, height, width, channels]`."""
        is_fusible = len(inputs.shape) == 4 and self.axis in (-1, 3) and self.scale and self.center
        if not training or not self.trainable or mask is not None or not is_fusible:
            return super().call(inputs, training=training, mask=mask)
        scale, offset = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if self.synchronized and replicas.count() > 1:
            outputs, mean, variance = synchronized_batch_norm.normalize(
                inputs, scale, offset, self.epsilon
            )
        else:
            empty = tf.zeros([0], tf.float32)
            outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=inputs,
                scale=scale,
                offset=offset,
                mean=empty,
                variance=empty,
                epsilon=self.epsilon,
                is_training=True,
            )
            mean, variance = replicas.mean((mean, variance))
        keep = self.momentum
        self.moving_mean.assign(self.moving_mean * keep + mean * (1.0 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1.0 - keep))
        return outputs
