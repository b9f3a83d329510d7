import numpy as np
import pytest
import tensorflow as tf

from nas import mixed_op
from nas.candidates import MBConv, Skip
from nas.specs import Slot

# Two chains of different length and a skip, which is the identity in one slot and projects in the
# other.
SLOTS = {
    "identity": Slot(4, 4, (MBConv(3, 2), MBConv(5, 1), Skip(), MBConv(5, 3))),
    "projection": Slot(4, 6, (MBConv(3, 2), Skip(), MBConv(5, 1)), 2),
}


@pytest.fixture(params=SLOTS)
def ops(request):
    """The same slot with and without branches."""
    slot = SLOTS[request.param]
    return [
        mixed_op.MixedOp.of_layer(slot, (1, 2), synchronized=value, name="slot")
        for value in (False, True)
    ]


def step(op, x, choice):
    """Output, gradients and active moments of a training forward and backward."""
    selections = op.select(choice)
    sources = [[s.weights.kernels, s.weights.affine] for s in selections]
    with tf.GradientTape() as tape:
        tape.watch([x, sources])
        y, moments = op.run(x, choice, selections, training=True)
        loss = tf.reduce_sum(y**3)
    zero = tf.UnconnectedGradients.ZERO
    return [y, *moments, *tf.nest.flatten(tape.gradient(loss, [x, sources], None, zero))]


def test_computing_every_group_gives_what_branching_gives(ops):
    x = tf.random.stateless_normal([3, 8, 8, 4], [3, 4])
    branching, computing_all = (tf.function(step) for _ in ops)
    for choice in range(ops[0].num_candidates):
        expected = branching(ops[0], x, tf.constant(choice))
        for one, other in zip(expected, computing_all(ops[1], x, tf.constant(choice)), strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-3, atol=2e-4)


def test_a_map_without_a_loop_gives_what_the_loop_gives(ops):
    x = tf.random.stateless_normal([3, 8, 8, 4], [3, 4])
    by_loop, unrolled = (
        tf.function(lambda x, op=op: op.map_candidates(x, tf.reduce_max, training=True))(x)
        for op in ops
    )
    assert len(set(by_loop.numpy())) == ops[0].num_candidates
    np.testing.assert_allclose(unrolled, by_loop, rtol=1e-4)
