"""A network with the weights that a float16 file of it holds.

The converter folds batch normalization into the convolution before it, W' = W g / sqrt(v + e) and
b' = o - m g / sqrt(v + e) for scale g, offset o, mean m and variance v, and then rounds every W'
and b' to the nearest float16, q(.). The file widens them again when it is loaded and computes in
float32. What parts its logits from those of the Keras network f is the sum of two things,

    file(x) - f(x; W, b)  =  [file(x) - f(x; q(W'), q(b'))]  +  [f(x; q(W'), q(b')) - f(x; W, b)].

The first is the order in which float32 is summed, as for a float32 file; a larger one is a fault of
the file. The second is up to 2^-11 of every weight, times what the network makes of it, for which
there is no bound: half a thousandth of the largest logit where a network was trained, hundredths
behind sixty random layers. It is judged by what it does to the classes.

This module makes f(.; q(W'), q(b')) as a Keras network.
"""

import keras
import numpy as np
import tensorflow as tf


def to_float16(model: keras.Model) -> keras.Model | None:
    """The network with batch normalization folded and every weight rounded to float16.

    Its weights are those of the file to the last bit.

    Args:
        model: functional, of stock layers.

    Returns:
        A new network of the same layers, which computes in float32; its batch normalization adds
        the rounded offset and does no more. None where batch normalization does not follow a
        convolution of its own, as it does in all that `nas.layers.keras_network` builds: the
        converter folds it in ways of its own then.
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
        # In float32, by the operations that the converter evaluates: a quotient by the root differs
        # in the last bit, and half-way between two halves the last bit decides.
        scale = tf.math.rsqrt(variance + np.float32(layer.epsilon)).numpy() * gamma
        weights[before.name] = [kernel * _by_output(before, scale)]
        # The mean and the variance with which it does no more than it is given.
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
    # What is too large for float16 becomes infinite, as in the file.
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)


def _convolution_before(layer: keras.layers.Layer) -> keras.layers.Layer | None:
    """The convolution that feeds a layer and nothing else, if there is one."""
    if len(layer._inbound_nodes) != 1:
        return None
    before = layer.input._keras_history.operation
    if not isinstance(before, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
        return None
    alone = len(before._outbound_nodes) == 1 and before.activation is keras.activations.linear
    return before if alone else None


def _by_output(convolution: keras.layers.Layer, scale: np.ndarray) -> np.ndarray:
    """A value for each output channel, in the form of the kernel."""
    if isinstance(convolution, keras.layers.DepthwiseConv2D):
        return scale.reshape(convolution.kernel.shape[2:])
    return scale
