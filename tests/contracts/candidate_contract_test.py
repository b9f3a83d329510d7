"""What holds for every kind of candidate, on each of a few shapes."""

import json
import math
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.architecture import counting, operations, spec_json, specs
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import Block, Child, Head, Stem
from nas.layers import keras_network
from nas.supernet import mixed_op

# Of every kind, one operation of each sort; a new kind fails here until it has one.
EXAMPLES = {
    MBConv: [MBConv(3, 1), MBConv(5, 3, "relu"), MBConv(7, 2)],
    Skip: [Skip()],
}
OPERATIONS = [op for examples in EXAMPLES.values() for op in examples]
# Input width, output width, stride.
SHAPES = [(4, 4, 1), (4, 6, 1), (4, 4, 2), (6, 4, 2)]
RESOLUTION = 7


def test_every_kind_has_examples():
    union = typing.get_args(operations.Candidate)[0]
    assert set(typing.get_args(union)) == set(EXAMPLES)


@pytest.fixture(params=OPERATIONS, ids=lambda op: op.label)
def op(request):
    return request.param


@pytest.fixture(params=SHAPES, ids=str)
def block(op, request):
    return Block(op, *request.param)


def test_labels_tell_operations_apart():
    labels = [op.label for op in OPERATIONS]
    assert all(labels) and len(set(labels)) == len(labels)


def test_the_kind_is_written_and_read_back(op):
    child = Child("x", 8, 2, Stem(4), (Block(op, 4, 6, 2),), Head(4))
    data = json.loads(json.dumps(spec_json.to_dict(child)))
    assert data["layers"][0]["op"]["kind"] == op.kind
    assert spec_json.from_dict(Child, data) == child


def test_stages_hand_on_their_width_and_stride(block):
    width, stride = block.input_width, 1
    for stage in block.stages:
        assert stage.input_width == width
        assert stage.type == "conv" or stage.output_width == width
        width, stride = stage.output_width, stride * stage.stride
    assert (width, stride) == (block.output_width, block.stride)
    if block.is_identity:
        assert not block.has_residual


@pytest.fixture
def built(block):
    keras.utils.set_random_seed(0)
    return keras_network.build_block(block, RESOLUTION)


def test_costs_are_those_of_the_keras_layers(block, built):
    values = sum(math.prod(v.shape) for v in built.trainable_variables)
    macs = sum(
        math.prod(layer.output.shape[1:3]) * math.prod(layer.kernel.shape)
        for layer in built.layers
        if hasattr(layer, "kernel")
    )
    assert counting.block_params(block) == values
    assert counting.block_macs(block, RESOLUTION) == macs
    size = specs.downsampled(RESOLUTION, block.stride)
    assert built.output_shape == (None, size, size, block.output_width)


@pytest.mark.parametrize("training", [False, True])
def test_the_supernet_computes_what_the_keras_block_computes(block, built, training):
    mixed = mixed_op.MixedOp.of_layer(block, (0, 0), name="op")
    rng = np.random.default_rng(0)
    for group in mixed.weighted_groups:
        group.affine.assign(rng.normal(1, 0.2, group.affine.shape))
        group.moments.assign(rng.uniform(0.5, 1.5, group.moments.shape))
    names = [f"block_{i}" for i in range(len(block.stages))]
    keras_network.set_stage_weights(built, names, iter(mixed.export(0)))
    shape = (3, RESOLUTION, RESOLUTION, block.input_width)
    x = tf.constant(rng.normal(size=shape), tf.float32)
    found, _ = mixed.run(x, 0, mixed.select(0), training)
    np.testing.assert_allclose(found, built(x, training=training), rtol=1e-3, atol=1e-4)
