import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.architecture.blocks import Block
from nas.architecture.operations import MBConv, Skip
from nas.layers import chain_function, keras_network
from nas.layers.stage_functions import StageForm

BLOCKS = [
    Block(MBConv(3, 3, "relu6"), 4, 6, 1),
    Block(MBConv(5, 2, "relu"), 4, 4, 2),
    Block(MBConv(7, 1, "relu6"), 4, 5, 2),
    Block(Skip(), 4, 6, 2),
    Block(MBConv(3, 6, "relu"), 4, 4, 1),
]


def random_weights(model, rng):
    """Fills every layer with random numbers, variances positive; returns the flat vectors."""
    flat = ([], [], [])
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            width = layer.gamma.shape[0]
            values = [rng.normal(size=width) for _ in range(3)] + [rng.uniform(0.5, 2, width)]
            layer.set_weights(values)
            flat[1].extend(values[:2])
            flat[2].extend(values[2:])
        elif layer.weights:
            kernel = rng.normal(size=layer.kernel.shape)
            layer.set_weights([kernel])
            flat[0].append(kernel.ravel())
    return [np.concatenate(part).astype(np.float32) for part in flat]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.label)
@pytest.mark.parametrize("padding", [0, 13])
def test_a_chain_computes_what_keras_layers_compute(block, training, padding):
    rng = np.random.default_rng(0)
    model = keras_network.build_block(block, 9)
    flat = random_weights(model, rng)
    x = tf.constant(rng.normal(size=(3, 9, 9, 4)), tf.float32)
    # Values after the weights must not matter.
    padded = [tf.constant(np.pad(part, (0, padding), constant_values=1e6)) for part in flat]
    found, moments = chain_function.run_chain(
        x,
        [StageForm.of(stage) for stage in block.stages],
        chain_function.ChainWeights(*padded),
        chain_function.ChainShapes.of(block.stages),
        training,
    )
    if block.has_residual:
        found = found + x
    expected = model(x, training=training)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)
    assert moments.shape == padded[2].shape
    if not training:
        np.testing.assert_array_equal(moments, padded[2])


def test_batch_moments_come_back_in_the_order_of_the_moving_ones():
    stage = Block(Skip(), 2, 3, 2).stages[0]
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(1, 1, 2, 3)).astype(np.float32)
    x = rng.normal(size=(4, 6, 6, 2)).astype(np.float32)
    weights = chain_function.ChainWeights(
        tf.constant(kernel.ravel()), tf.constant([1.0, 1, 1, 0, 0, 0]), tf.zeros([8])
    )
    _, moments = chain_function.run_chain(
        tf.constant(x),
        [StageForm.of(stage)],
        weights,
        chain_function.ChainShapes.of([stage]),
        True,
    )
    convolved = (x[:, ::2, ::2] @ kernel[0, 0]).reshape(-1, 3)
    np.testing.assert_allclose(moments[:3], convolved.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(moments[3:6], convolved.var(0, ddof=1), rtol=1e-4)
    np.testing.assert_array_equal(moments[6:], [0, 0])


def test_one_traced_chain_serves_every_size():
    forms = [StageForm.of(stage) for stage in BLOCKS[0].stages]
    traces = []

    @tf.function(autograph=False)
    def run(x, weights, shapes):
        traces.append(1)
        shapes = chain_function.ChainShapes(*shapes)
        return chain_function.run_chain(
            x, forms, chain_function.ChainWeights(*weights), shapes, False
        )[0]

    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(2, 9, 9, 4)), tf.float32)
    for block in (Block(MBConv(3, 3), 4, 6), Block(MBConv(7, 2), 4, 6)):
        model = keras_network.build_block(block, 9)
        flat = random_weights(model, rng)
        padded = [tf.constant(np.pad(part, (0, 2000 - len(part)))) for part in flat]
        shapes = chain_function.ChainShapes.of(block.stages)
        found = run(x, padded, list(map(tf.constant, shapes)))
        np.testing.assert_allclose(found, model(x, training=False), rtol=2e-4, atol=2e-4)
    assert len(traces) == 1
