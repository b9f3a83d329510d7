import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.layers.fused_batch_norm import FusedBatchNormalization

SHAPE = (4, 5, 5, 3)


def pair(shape=SHAPE, **kwargs):
    """The stock layer and ours, with the same random weights."""
    rng = np.random.default_rng(0)
    layers = [kind(**kwargs) for kind in (keras.layers.BatchNormalization, FusedBatchNormalization)]
    for layer in layers:
        layer.build((None, *shape[1:]))
    layers[0].set_weights([rng.uniform(0.5, 2, w.shape) for w in layers[0].weights])
    layers[1].set_weights(layers[0].get_weights())
    return layers


def images(shape=SHAPE):
    return tf.constant(np.random.default_rng(1).normal(1, 3, shape), tf.float32)


def test_inference_is_exactly_the_stock_layers():
    stock, ours = pair(momentum=0.9, epsilon=1e-3)
    np.testing.assert_array_equal(ours(images(), training=False), stock(images(), training=False))


def test_training_gives_the_stock_layers_outputs_and_gradients():
    stock, ours = pair(momentum=0.9, epsilon=1e-3)
    results = []
    for layer in (stock, ours):
        x = images()
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(tf.sin(y))
        gradients = tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])
        results.append([y, *gradients])
    for found, expected in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_training_moves_the_moments_towards_the_batchs():
    _, ours = pair(momentum=0.9)
    mean, variance = np.array(ours.moving_mean), np.array(ours.moving_variance)
    ours(images(), training=True)
    flat = images().numpy().reshape(-1, 3)
    np.testing.assert_allclose(ours.moving_mean, 0.9 * mean + 0.1 * flat.mean(0), rtol=1e-4)
    expected = 0.9 * variance + 0.1 * flat.var(0, ddof=1)
    np.testing.assert_allclose(ours.moving_variance, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("shape", "kwargs"),
    [
        (SHAPE, {"axis": 1}),
        (SHAPE, {"scale": False}),
        (SHAPE, {"center": False}),
        ((8, 3), {}),
        (SHAPE, {"trainable": False}),
    ],
    ids=["axis", "scale", "center", "dense", "frozen"],
)
def test_what_the_kernel_cannot_do_is_the_stock_layers(shape, kwargs):
    stock, ours = pair(shape, **kwargs)
    found, expected = ours(images(shape), training=True), stock(images(shape), training=True)
    np.testing.assert_array_equal(found, expected)
    for mine, theirs in zip(ours.weights, stock.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
