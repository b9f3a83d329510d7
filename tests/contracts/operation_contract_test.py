"""Tests that every kind of operation must pass, on several shapes."""

import dataclasses
import json
import math
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf
from operation_examples import EXAMPLES, OPERATIONS

from export.direct import activations, stage_operators
from latency_models.measuring import features, parts
from nas.architecture import counting, operations, spec_json
from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import ACTIVATIONS, Stage
from nas.architecture.operations.stage import downsampled
from nas.architecture.operations.weights import Bank
from nas.architecture.specs import Child
from nas.layers import keras_network, stage_functions, stage_layers
from nas.supernet.candidates import mixed_op
from tools.reporting.data import places

# Input width, output width, stride.
SHAPES = [(4, 4, 1), (4, 6, 1), (4, 4, 2), (6, 4, 2)]
RESOLUTION = 7


def stands(op, shape):
    return op.refusal(*shape) is None


PLACES = [(op, shape) for op in OPERATIONS for shape in SHAPES if stands(op, shape)]


def kinds():
    union = typing.get_args(operations.AnyOperation)[0]
    return set(typing.get_args(union))


def test_every_kind_has_examples():
    assert kinds() == set(EXAMPLES)


def test_every_example_stands_somewhere():
    assert {op for op, _ in PLACES} == set(OPERATIONS)


@pytest.mark.parametrize(
    "table",
    [
        stage_functions.STAGE_FUNCTIONS,
        stage_layers.STAGE_LAYERS,
        stage_operators.STAGE_OPERATORS,
    ],
)
def test_a_table_knows_every_type_of_stage_and_no_other(table):
    assert set(table) == {stage.type for stage in Stage.__subclasses__()}


def test_the_features_know_every_type_of_stage_and_no_other():
    assert set(features.STAGE_FEATURES) == {stage.type for stage in Stage.__subclasses__()}
    named = {name for name in features.ACTIVATION_FEATURES.values() if name is not None}
    assert named <= set(features.FEATURES)


@pytest.mark.parametrize(
    "table",
    [
        stage_functions.ACTIVATION_FUNCTIONS,
        features.ACTIVATION_FEATURES,
        activations.ENDINGS,
    ],
)
def test_a_table_knows_every_activation_and_none(table):
    assert set(table) == {None, *ACTIVATIONS}


def test_the_layers_know_every_activation():
    assert set(stage_layers.ACTIVATION_LAYERS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_the_same_as_a_function_and_as_a_layer(name):
    x = tf.constant([[-9.0, -2.0, -0.1, 0.0, 0.3, 2.0, 5.0, 9.0]])
    layer = stage_layers.ACTIVATION_LAYERS[name].make(keras, name="layer")
    found = stage_functions.ACTIVATION_FUNCTIONS[name](x)
    np.testing.assert_allclose(found, layer(x), rtol=1e-6, atol=1e-7)


@pytest.fixture(params=OPERATIONS, ids=lambda op: op.label)
def op(request):
    return request.param


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[0].label} {place[1]}")
def block(request):
    op, shape = request.param
    return Block(op, *shape)


def test_labels_tell_operations_apart():
    labels = [op.label for op in OPERATIONS]
    assert all(labels) and len(set(labels)) == len(labels)


def other_values(value):
    """Other values for a field of the type of `value`."""
    if isinstance(value, str):
        return [name for name in ACTIVATIONS if name != value]
    if isinstance(value, bool):
        return [not value]
    near = [value + step for step in (2, -2, 1, -1, 3)]
    return near if isinstance(value, int) else [value / 2, value + 0.25, 0.5]


def test_every_field_is_seen_in_the_label(op):
    for field in dataclasses.fields(op):
        if field.name == "kind":
            continue
        seen = set()
        for value in set(other_values(getattr(op, field.name))) - {getattr(op, field.name)}:
            try:
                seen.add(dataclasses.replace(op, **{field.name: value}))
            except ValueError:
                continue
        assert seen, f"no other valid value of {field.name}"
        assert len({op.label, *(other.label for other in seen)}) == 1 + len(seen), field.name


def test_the_kind_is_written_and_read_back(op):
    shape = next(shape for shape in SHAPES if stands(op, shape))
    child = Child("x", 8, 2, Stem(shape[0]), (Block(op, *shape),), Head(4))
    data = json.loads(json.dumps(spec_json.to_dict(child)))
    assert data["layers"][0]["op"]["kind"] == op.kind
    assert spec_json.from_dict(Child, data) == child


def test_stages_hand_on_their_width_and_stride(block):
    width, stride = block.input_width, 1
    for stage in block.stages:
        assert stage.input_width == width
        width, stride = stage.output_width, stride * stage.stride
    assert (width, stride) == (block.output_width, block.stride)
    if block.is_identity:
        assert not block.has_residual


def test_weights_have_names_of_their_own_and_gains_are_trained(block):
    for stage in block.stages:
        by_name = {weight.name: weight for weight in stage.weights}
        assert len(by_name) == len(stage.weights)
        assert all(by_name[name].bank.is_trainable for name in stage.gains)
        assert all(kernel.channels > 0 for kernel in stage.kernels)


@pytest.fixture
def built(block):
    keras.utils.set_random_seed(0)
    return keras_network.build_block(block, RESOLUTION)


def test_keras_layers_hold_the_weights_in_the_order_of_the_description(block, built):
    described = [weight.shape for stage in block.stages for weight in stage.weights]
    held = [tuple(weight.shape) for layer in built.layers for weight in layer.weights]
    assert held == described


def test_counts_are_those_of_the_keras_layers(block, built):
    values = sum(math.prod(v.shape) for v in built.trainable_variables)
    macs = sum(
        math.prod(layer.output.shape[1:3]) * math.prod(layer.kernel.shape)
        for layer in built.layers
        if hasattr(layer, "kernel")
    )
    assert counting.block_params(block) == values
    assert counting.block_macs(block, RESOLUTION) == macs
    size = downsampled(RESOLUTION, block.stride)
    assert built.output_shape == (None, size, size, block.output_width)


def test_the_features_count_the_same_multiply_accumulates(block):
    if block.is_identity:
        return
    part = parts.block_part(block, RESOLUTION)
    found = features.features(part.kind, part.spec, RESOLUTION)
    by_name = dict(zip(features.FEATURES, found, strict=True))
    counted = sum(value for name, value in by_name.items() if name.endswith("_macs"))
    assert counted == counting.block_macs(block, RESOLUTION)


def test_the_drawn_middle_is_the_widest_stage(block):
    """The last stage is the block's output, which is drawn beside the middle."""
    widest = max((stage.output_width for stage in block.stages[:-1]), default=block.output_width)
    assert places.of_block(block, RESOLUTION).widths[1] == widest


@pytest.fixture
def mixed(block):
    return mixed_op.MixedOp.of_layer(block, (0, 0), name="op")


def scatter(mixed):
    """Fills scales, offsets and moments with random numbers."""
    rng = np.random.default_rng(0)
    for group in mixed.weighted_groups:
        group.affine.assign(rng.normal(1, 0.2, group.affine.shape))
        group.moments.assign(rng.uniform(0.5, 1.5, group.moments.shape))


def inputs(block):
    shape = (3, RESOLUTION, RESOLUTION, block.input_width)
    return tf.constant(np.random.default_rng(1).normal(size=shape), tf.float32)


def test_fresh_weights_start_as_described(block, mixed):
    exported = iter(mixed.export(0))
    for i, stage in enumerate(block.stages, start=1):
        is_small = block.has_residual and i == len(block.stages)
        for weight in stage.weights:
            value = next(exported)
            assert value.shape == weight.shape
            if weight.deviation:
                assert weight.bank is Bank.KERNELS
                spread = np.sqrt(np.mean((value - weight.start) ** 2)) / weight.deviation
                assert abs(spread - 1.0) < 4.0 / math.sqrt(2.0 * weight.size)
            elif not (is_small and weight.name in stage.gains):
                np.testing.assert_array_equal(value, np.float32(weight.start))


@pytest.mark.parametrize("training", [False, True])
def test_the_supernet_computes_what_the_keras_block_computes(block, built, mixed, training):
    scatter(mixed)
    names = [f"block_{i}" for i in range(len(block.stages))]
    keras_network.set_stage_weights(built, names, iter(mixed.export(0)))
    x = inputs(block)
    found, _ = mixed.run(x, 0, mixed.select(0), training)
    np.testing.assert_allclose(found, built(x, training=training), rtol=1e-3, atol=1e-4)


def test_gate_gradients_are_those_of_automatic_differentiation(block, mixed):
    if block.is_identity:
        return
    scatter(mixed)
    x, gate = inputs(block), tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(gate)
        y, _ = mixed.run(x, 0, mixed.select(0), True)
        # By definition, the gate multiplies the output; a residual adds its input afterwards.
        gated = gate * (y - x) + x if block.has_residual else gate * y
        loss = tf.reduce_sum(tf.sin(gated))
    expected = tape.gradient(loss, gate)
    upstream = tf.cos(y)
    forward = mixed.gate_gradient(upstream, x, tf.constant(0), mixed.select(0), True)
    (every,) = mixed.gate_gradients(upstream, x, True)
    with tf.GradientTape() as tape:
        tape.watch(gate)
        y, _ = mixed.run(x, 0, mixed.select(0), True, gate)
        loss = tf.reduce_sum(tf.sin(y))
    for found in (forward, every, tape.gradient(loss, gate)):
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)
