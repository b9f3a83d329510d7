import numpy as np
import pytest
import tensorflow as tf

from nas.architecture.blocks import Slot
from nas.architecture.operations import Conv, MBConv, Skip
from nas.layers import keras_network
from nas.supernet.candidates import mixed_op

# Two chains of different length and a skip, which is the identity in one slot and a projection in
# the other.
SLOTS = {
    "identity": Slot(4, 4, (MBConv(3, 2), MBConv(5, 1), Skip(), MBConv(5, 3))),
    "projection": Slot(4, 6, (MBConv(3, 2), Skip(), MBConv(5, 1)), 2),
}


TWO_REPLICAS_BATCH_NORM = [False, True]


@pytest.fixture(params=SLOTS)
def slot(request):
    return SLOTS[request.param]


@pytest.fixture(params=TWO_REPLICAS_BATCH_NORM, ids=["fused", "synchronized"])
def op(request, slot):
    """The mixed op of the slot. If synchronized, it must not be inside a branch or a loop."""
    return mixed_op.MixedOp.of_layer(slot, (1, 2), synchronized=request.param, name="slot")


@pytest.fixture
def x():
    return tf.random.stateless_normal([3, 8, 8, 4], [3, 4])


def blocks(op, slot):
    """A Keras model of stock layers for every candidate."""
    found = []
    for choice, block in enumerate(slot.blocks):
        model = keras_network.build_block(block, 8)
        names = [f"block_{i}" for i in range(len(block.stages))]
        keras_network.set_stage_weights(model, names, iter(op.export(choice)))
        found.append(model)
    return found


def step(op, x, choice):
    """The output, gradients by input and weights, moments, and which groups are active."""
    selections = op.select(choice)
    sources = [[s.weights.kernels, s.weights.affine] for s in selections]
    with tf.GradientTape() as tape:
        tape.watch([x, sources])
        y, moments = op.run(x, choice, selections, training=True)
        loss = tf.reduce_sum(y**3)
    zero = tf.UnconnectedGradients.ZERO
    by_x, by_weights = tape.gradient(loss, [x, sources], None, zero)
    return y, by_x, by_weights, moments, [s.is_active for s in selections]


def test_the_chosen_candidate_alone_is_computed(op, slot, x):
    """Output and gradients are those of the block; the gradients of other groups are zero.

    They are finite, although these groups run on one pixel of zeros.
    """
    compiled = tf.function(step, autograph=False)
    for choice, block in enumerate(blocks(op, slot)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            expected = block(x, training=True)
            loss = tf.reduce_sum(expected**3)
        y, by_x, by_weights, moments, is_active = compiled(op, x, tf.constant(choice))
        np.testing.assert_allclose(y, expected, rtol=1e-3, atol=2e-4)
        np.testing.assert_allclose(by_x, tape.gradient(loss, x), rtol=2e-3, atol=2e-3)
        assert sum(map(int, is_active)) == (len(slot.blocks[choice].stages) > 0)
        for active, gradients, row in zip(is_active, by_weights, moments, strict=True):
            assert all(np.isfinite(g).all() for g in gradients)
            assert all(np.any(g) == bool(active) for g in gradients)
            assert not active or np.isfinite(row).all()


def gate_gradients(op, x, upstream):
    """The gate gradients of all candidates, computed in three ways."""

    @tf.function(autograph=False)
    def forwards(x, choice):
        return op.gate_gradient(upstream, x, choice, op.select(choice), training=True)

    @tf.function(autograph=False)
    def backwards(x, choice):
        gate = tf.constant(1.0)
        with tf.GradientTape() as tape:
            tape.watch(gate)
            y, _ = op.run(x, choice, op.select(choice), True, gate)
        return tape.gradient(y, gate, upstream, tf.UnconnectedGradients.ZERO)

    every = tf.function(lambda x: op.gate_gradients(upstream, x, training=True), autograph=False)(x)
    choices = [tf.constant(choice) for choice in range(op.num_candidates)]
    return [every, *([way(x, choice) for choice in choices] for way in (forwards, backwards))]


def test_gate_gradients_are_the_inner_products_with_every_output(op, slot, x):
    outputs = [block(x, training=True) for block in blocks(op, slot)]
    upstream = tf.random.stateless_normal(outputs[0].shape, [5, 6])
    expected = np.array([np.sum(upstream * y) for y in outputs])
    if slot.stride == 1:
        # All candidates add their input, and the skip is its input.
        expected -= np.sum(upstream * x)
    for found in gate_gradients(op, x, upstream):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3)
    np.testing.assert_array_equal(op.input_gradient(upstream, x), np.zeros(len(outputs)))


def test_an_input_that_some_candidates_add_belongs_to_their_gates(x):
    """Covers chains that no operation has yet: no residual, and an activation at the end."""
    stages = Conv(1, 1, 4, 4, None), Conv(3, 1, 4, 4, "relu6")
    chains = [mixed_op.Chain(stages[:1], True), mixed_op.Chain(stages[1:]), mixed_op.Chain(())]
    op = mixed_op.MixedOp.of_chains(chains, (1, 2), name="op")
    upstream = tf.random.stateless_normal([3, 8, 8, 4], [5, 6])
    outputs = [op.run(x, tf.constant(i), op.select(i), True)[0] for i in range(3)]
    added = op.input_gradient(upstream, x)
    np.testing.assert_allclose(added, np.sum(upstream * x) * np.array([1, 0, 1]), rtol=1e-4)
    for found in gate_gradients(op, x, upstream):
        expected = [np.sum(upstream * y) for y in outputs]
        np.testing.assert_allclose(np.array(found) + added, expected, rtol=1e-3, atol=2e-3)
