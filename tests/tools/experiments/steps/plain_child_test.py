import keras
import numpy as np
import tensorflow as tf

from nas.architecture import spaces
from nas.layers import keras_network
from tools.experiments.steps import plain_child

NETWORK = spaces.load_space("tiny").child([1, 0, 2]).with_task(10, 16)


def make_optimizer():
    return keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)


def test_it_trains_as_the_child_of_stock_layers_does():
    plain = plain_child.PlainChild(NETWORK, make_optimizer(), label_smoothing=0.1, seed=3)
    stock = keras_network.build_child(NETWORK)
    stock.compile(make_optimizer(), keras.losses.CategoricalCrossentropy(True, label_smoothing=0.1))
    stock.set_weights(plain.get_weights())
    rng = np.random.default_rng(0)
    for _ in range(3):
        images = tf.constant(rng.uniform(-1, 1, (6, 16, 16, 3)), tf.float32)
        labels = tf.constant(rng.integers(0, 10, 6))
        loss = plain.weight_step(images, labels)
        expected = stock.train_on_batch(images, tf.one_hot(labels, 10))
        np.testing.assert_allclose(loss, expected, rtol=1e-4)
    pairs = list(zip(plain.get_weights(), stock.get_weights(), strict=True))
    # Moving variances apart: the fused kernel gives the unbiased estimate.
    del pairs[4::5]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)
