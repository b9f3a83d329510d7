import keras
import numpy as np
import pytest
import tensorflow as tf

from nas import path_optimizer
from nas.path_optimizer import PathOptimizer, RowUpdate

SETTINGS = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "decayed": {"momentum": 0.9, "weight_decay": 0.1},
    "clipped": {"momentum": 0.9, "nesterov": True, "global_clipnorm": 0.5},
    "scheduled": {"momentum": 0.5},
}


def learning_rate(name):
    return keras.optimizers.schedules.CosineDecay(0.2, 6) if name == "scheduled" else 0.2


def rows_of(variable):
    return np.array(variable)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_row_is_stepped_as_keras_steps_a_variable(name):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4)).astype(np.float32)
    bias_start = rng.normal(size=(2, 2)).astype(np.float32)
    bank = keras.Variable(start, name="bank")
    bias = keras.Variable(bias_start, name="bias")
    ours = PathOptimizer(keras.optimizers.SGD(learning_rate(name), **SETTINGS[name]))
    ours.build([bank, bias])

    row, whole = keras.Variable(start[1], name="row"), keras.Variable(bias_start, name="whole")
    stock = keras.optimizers.SGD(learning_rate(name), **SETTINGS[name])
    stock.exclude_from_weight_decay(var_names=["whole"])
    stock.build([row, whole])

    for _ in range(4):
        by_row = tf.constant(rng.normal(size=4), tf.float32)
        by_bias = tf.constant(rng.normal(size=(2, 2)), tf.float32)
        ours.apply(
            [
                RowUpdate(bank, bank.value[1], by_row, tf.constant(1), tf.constant(True), True),
                RowUpdate(bias, bias.value, by_bias, None, True, False),
            ]
        )
        stock.apply([by_row, by_bias])
        np.testing.assert_allclose(bank.value[1], row, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(bias, whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(rows_of(bank)[[0, 2]], start[[0, 2]])
    for momentum in ours.optimizer.momentums[:1]:
        assert not rows_of(momentum)[[0, 2]].any()
    assert int(ours.optimizer.iterations) == 4


def test_an_inactive_row_keeps_value_and_momentum():
    bank = keras.Variable(np.ones((2, 3), np.float32), name="bank")
    optimizer = PathOptimizer(keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.1))
    optimizer.build([bank])
    gradient = tf.ones(3)
    optimizer.apply([RowUpdate(bank, bank.value[0], gradient, 0, tf.constant(True), True)])
    value, momentum = rows_of(bank), rows_of(optimizer.optimizer.momentums[0])
    assert (value[0] < 1).all() and (momentum[0] < 0).all()
    inactive = RowUpdate(bank, bank.value[0], gradient, 0, tf.constant(False), True)
    optimizer.apply([inactive])
    np.testing.assert_array_equal(rows_of(bank), value)
    np.testing.assert_array_equal(rows_of(optimizer.optimizer.momentums[0]), momentum)


def test_rows_are_written_in_place_or_not_at_all():
    bank = keras.Variable(np.zeros((3, 2), np.float32))
    path_optimizer.write_row(bank, tf.constant([1.0, 2.0]), tf.constant(2), tf.constant(True))
    path_optimizer.write_row(bank, tf.constant([9.0, 9.0]), tf.constant(0), tf.constant(False))
    np.testing.assert_array_equal(bank, [[0, 0], [0, 0], [1, 2]])


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam(), keras.optimizers.RMSprop()])
def test_other_optimizers_are_refused_by_name(optimizer):
    with pytest.raises(ValueError, match=f"SGD, received {type(optimizer).__name__}"):
        PathOptimizer(optimizer)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("clipnorm", 1.0), ("clipvalue", 1.0), ("use_ema", True), ("gradient_accumulation_steps", 2)]
    + [("loss_scale_factor", 2.0)],
)
def test_settings_that_would_be_ignored_are_refused_by_name(setting, value):
    with pytest.raises(ValueError, match=f"{setting} is not supported"):
        PathOptimizer(keras.optimizers.SGD(0.1, **{setting: value}))
