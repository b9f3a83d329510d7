"""Makes a Keras network with the rounded weights of its float16 file.

The converter folds batch normalization into the convolution before it, W' = W g / sqrt(v + e) and
b' = o - m g / sqrt(v + e) for scale g, offset o, mean m and variance v, and then rounds every W'
and b' to the nearest float16, q(.). The runtime converts them to float32 when it loads the file and
computes in float32. The logits of the file and of the Keras network f differ by two terms,

    file(x) - f(x; W, b)  =  [file(x) - f(x; q(W'), q(b'))]  +  [f(x; q(W'), q(b')) - f(x; W, b)].

The first comes from the order of float32 sums, as for a float32 file; if it is larger, the file is
wrong. The second comes from changing every weight by up to 2^-11 of its value. The network may
amplify this without bound: the term is half a thousandth of the largest logit for a trained
network, hundredths after sixty random layers. It is therefore checked only by its effect on the
classes.

This module makes f(.; q(W'), q(b')) as a Keras network.
"""

import keras
import numpy as np
import tensorflow as tf


def to_float16(model: keras.Model) -> keras.Model | None:
    """Returns the network with batch normalization folded and every weight rounded to float16.

    Its weights equal those of the file to the last bit.

    Args:
        model: a functional model of stock layers.

    Returns:
        A new network of the same layers, which computes in float32; its batch normalization only
        adds the rounded offset. None if a batch normalization does not follow a convolution of its
        own, since the converter then folds it in another way. Networks of
        `nas.layers.keras_network` always have such convolutions.
    """
    if any(isinstance(layer, keras.Model) for layer in model.layers):
        return None
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        before = _convolution_before(layer)
        if before is None or not (layer.scale and layer.center) or before.use_bias:
            return None
        (kernel,) = weights[before.name]
        gamma, beta, mean, variance = weights[layer.name]
        # In float32 with the converter's own operations: dividing by the root would differ in the
        # last bit, which decides the rounding half-way between two float16 values.
        scale = tf.math.rsqrt(variance + np.float32(layer.epsilon)).numpy() * gamma
        weights[before.name] = [kernel * _by_output(before, scale)]
        # Scale 1, mean 0 and a variance that the epsilon completes to 1: only the offset is added.
        plain = [np.ones_like(scale), np.zeros_like(scale), np.ones_like(scale) - layer.epsilon]
        weights[layer.name] = [plain[0], beta - mean * scale, *plain[1:]]
    copy = keras.models.clone_model(model)
    for layer in copy.layers:
        values = weights[layer.name] if layer.weights else []
        if isinstance(layer, keras.layers.BatchNormalization):
            values[1] = _rounded(values[1])
        else:
            values = [_rounded(value) for value in values]
        layer.set_weights(values)
    return copy


def _rounded(values: np.ndarray) -> np.ndarray:
    # Values too large for float16 become infinite, as in the file.
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)


def _convolution_before(layer: keras.layers.Layer) -> keras.layers.Layer | None:
    """Returns the convolution whose only consumer is this layer, or None."""
    if len(layer._inbound_nodes) != 1:
        return None
    before = layer.input._keras_history.operation
    if not isinstance(before, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
        return None
    alone = len(before._outbound_nodes) == 1 and before.activation is keras.activations.linear
    return before if alone else None


def _by_output(convolution: keras.layers.Layer, scale: np.ndarray) -> np.ndarray:
    """Reshapes one value per output channel so that it broadcasts with the kernel."""
    if isinstance(convolution, keras.layers.DepthwiseConv2D):
        return scale.reshape(convolution.kernel.shape[2:])
    return scale
