import numpy as np
import tensorflow as tf

from nas.layers import fused_batch_norm, synchronized_batch_norm

EPSILON = 1e-3


def by_kernel(x, scale, offset):
    empty = tf.zeros([0])
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=scale, offset=offset, mean=empty, variance=empty, epsilon=EPSILON
    )
    return y, mean, variance


def test_one_replica_gets_what_the_fused_kernel_gives():
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(2.0, 3.0, (4, 5, 5, 6)), tf.float32)
    scale, offset = (tf.constant(rng.normal(size=6), tf.float32) for _ in range(2))
    upstream = tf.constant(rng.normal(size=x.shape), tf.float32)
    results = []
    for function in (by_kernel, lambda *a: synchronized_batch_norm.normalize(*a, EPSILON)):
        with tf.GradientTape() as tape:
            tape.watch([x, scale, offset])
            y, mean, variance = function(x, scale, offset)
        gradients = tape.gradient(y, [x, scale, offset], output_gradients=upstream)
        results.append([y, mean, variance, *gradients])
    for kernel, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, kernel, rtol=1e-4, atol=1e-4)


def test_a_batch_without_spread_gives_finite_values():
    x = tf.fill([2, 1, 1, 1], 1000.1)
    y, _, variance = synchronized_batch_norm.normalize(x, tf.ones([1]), tf.zeros([1]), EPSILON)
    assert np.isfinite(y).all() and variance[0] >= 0.0


def test_sixteen_bits_are_normalized_in_thirty_two():
    x = tf.cast(tf.random.stateless_normal([8, 4, 4, 2], [1, 2]) * 100.0, tf.float16)
    y, mean, _ = synchronized_batch_norm.normalize(x, tf.ones([2]), tf.zeros([2]), EPSILON)
    assert (y.dtype, mean.dtype) == (tf.float16, tf.float32)
    assert np.isfinite(y).all()
    np.testing.assert_allclose(np.std(np.float32(y), axis=(0, 1, 2)), 1.0, atol=1e-2)


def test_the_synchronized_layer_alone_is_the_fused_one():
    x = tf.random.stateless_normal([4, 3, 3, 2], [0, 1])
    layers = [
        fused_batch_norm.FusedBatchNormalization(synchronized=value) for value in (False, True)
    ]
    one, other = (layer(x, training=True) for layer in layers)
    np.testing.assert_array_equal(one, other)
