import numpy as np
import pytest
import tensorflow as tf

from nas.architecture.blocks import Block
from nas.architecture.operations import MBConv, Skip
from nas.layers import chain_function, forward_only
from nas.layers.stage_functions import StageForm

BLOCKS = [
    Block(MBConv(3, 6, "relu6"), 4, 6, 1),
    Block(MBConv(5, 2, "relu"), 4, 12, 2),
    Block(MBConv(7, 1), 4, 4, 1),
    Block(Skip(), 4, 6, 2),
]


def chain(block, rng):
    """The forms, weights (including moving moments) and shapes of a block."""
    widths = [stage.output_width for stage in block.stages]
    kernels_ = [rng.normal(size=k.size) for stage in block.stages for k in stage.kernels]
    affine = [rng.normal(size=2 * width) for width in widths]
    moments = [np.concatenate([rng.normal(size=w), rng.uniform(0.5, 2, w)]) for w in widths]
    flat = [np.concatenate(part).astype(np.float32) for part in (kernels_, affine, moments)]
    weights = chain_function.ChainWeights(*map(tf.constant, flat))
    forms = [StageForm.of(stage) for stage in block.stages]
    return forms, weights, chain_function.ChainShapes.of(block.stages)


@pytest.mark.parametrize("synchronized", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.label)
def test_it_is_the_output_of_the_chain(block, training, synchronized):
    rng = np.random.default_rng(0)
    arguments = chain(block, rng)
    # With a large mean, the covariance is the difference of large numbers.
    x = tf.constant(rng.normal(5.0, 1.0, size=(3, 9, 9, 4)), tf.float32)
    found = forward_only.run_chain(x, *arguments, training, synchronized)
    expected, _ = chain_function.run_chain(x, *arguments, training, synchronized)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_a_channel_that_does_not_vary_is_no_division_by_zero():
    arguments = chain(BLOCKS[0], np.random.default_rng(0))
    x = tf.fill([2, 5, 5, 4], 1000.0)
    assert np.isfinite(forward_only.run_chain(x, *arguments, training=True)).all()


def test_no_images_make_no_output():
    arguments = chain(BLOCKS[0], np.random.default_rng(0))
    found = forward_only.run_chain(tf.zeros([0, 9, 9, 4]), *arguments, training=True)
    assert found.shape == (0, 9, 9, 6)


def test_the_widest_tensor_is_written_by_one_convolution():
    """The graph has no batch normalization for the expansion."""
    forms, weights, shapes = chain(BLOCKS[0], np.random.default_rng(0))

    def count(run):
        function = tf.function(lambda x: run(x, forms, weights, shapes, True), autograph=False)
        operations = function.get_concrete_function(tf.zeros([1, 9, 9, 4])).graph.get_operations()
        return sum(operation.type == "FusedBatchNormV3" for operation in operations)

    assert count(chain_function.run_chain) == 3
    assert count(forward_only.run_chain) == 2
