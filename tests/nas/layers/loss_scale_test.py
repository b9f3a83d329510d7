import numpy as np
import pytest
import tensorflow as tf

from nas.layers import loss_scale


def vanishing(x):
    """A loss whose gradient, 2**-26 everywhere, is below 2**-24, the smallest float16."""
    return 2.0**-26 * tf.reduce_sum(tf.cast(tf.cast(x, tf.float16), tf.float32))


def gradient_of(scaling, function, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = function(x)
    return scaling.gradient(tape, loss, x)


def test_a_gradient_too_small_for_float16_survives():
    x = tf.fill([3], 2.0)
    np.testing.assert_array_equal(gradient_of(loss_scale.LossScale(), vanishing, x), np.zeros(3))
    scaled = gradient_of(loss_scale.DynamicLossScale(), vanishing, x)
    np.testing.assert_array_equal(scaled, np.full(3, 2.0**-26))


def test_gradients_keep_the_structure_of_their_sources_and_unconnected_ones_are_zero():
    for scaling in (loss_scale.LossScale(), loss_scale.DynamicLossScale()):
        a, b = tf.constant([3.0, -1.0]), tf.constant(5.0)
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            loss = tf.reduce_sum(a * a)
        (to_a,), to_b = scaling.gradient(tape, loss, [[a], b])
        np.testing.assert_array_equal(to_a, [6.0, -2.0])
        assert float(to_b) == 0.0


def test_overflow_leaves_the_step_out_and_halves_the_scale_and_growth_doubles_it(monkeypatch):
    monkeypatch.setattr(loss_scale, "GROWTH_STEPS", 2)
    scaling = loss_scale.DynamicLossScale()
    steps = tf.Variable(0)

    def step():
        steps.assign_add(1)

    @tf.function(autograph=False)
    def apply(gradient):
        scaling.apply([tf.zeros(2), gradient], step)

    seen = []
    for value in (1.0, np.inf, 1.0, 1.0, np.nan, 1.0, 1.0, 1.0):
        apply(tf.constant([value, 0.0]))
        seen.append((int(steps), float(scaling.logs["loss_scale"]) / loss_scale.INITIAL_SCALE))
    # The scale grows after two finite steps in a row. The first finite step precedes an overflow.
    assert seen == [
        *((1, 1.0), (1, 0.5), (2, 0.5), (3, 1.0)),
        *((3, 0.5), (4, 0.5), (5, 1.0), (6, 1.0)),
    ]


@pytest.mark.parametrize("name", ["float32", "mixed_bfloat16"])
def test_what_needs_no_scale_has_no_state(name):
    scaling = loss_scale.for_precision(name)
    assert not scaling.variables and not scaling.logs
    called = []
    scaling.apply([tf.constant(np.inf)], lambda: called.append(True))
    assert called


def test_float16_has_state_to_be_kept():
    assert set(loss_scale.for_precision("mixed_float16").variables) == {
        "loss_scale",
        "loss_scale_steps",
    }
