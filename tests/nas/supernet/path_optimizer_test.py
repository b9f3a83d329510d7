import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.supernet.path_optimizer import PathOptimizer, Place, Rows, RowUpdate

SETTINGS = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "decayed": {"momentum": 0.9, "weight_decay": 0.1},
    "clipped": {"momentum": 0.9, "nesterov": True, "global_clipnorm": 0.5},
    "scheduled": {"momentum": 0.5},
    "adam": {"kind": "Adam"},
    "adamw": {"kind": "AdamW", "weight_decay": 0.1, "global_clipnorm": 0.5},
    "scheduled adamw": {"kind": "AdamW", "beta_1": 0.5, "epsilon": 1e-3},
}
ROW_OF_THREE = [False, True, False]


def make(name):
    settings = dict(SETTINGS[name])
    kind = getattr(keras.optimizers, settings.pop("kind", "SGD"))
    is_scheduled = name.startswith("scheduled")
    rate = keras.optimizers.schedules.CosineDecay(0.2, 6) if is_scheduled else 0.2
    return kind(rate, **settings)


def slots_of(optimizer):
    """The momentum or the moments of every variable."""
    return [v for v in optimizer.variables if "momentum" in v.path or "velocity" in v.path]


def rows_of(variable):
    return np.array(variable)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_row_is_stepped_as_keras_steps_a_variable(name):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4)).astype(np.float32)
    bias_start = rng.normal(size=(2, 2)).astype(np.float32)
    bank = keras.Variable(start, name="bank")
    bias = keras.Variable(bias_start, name="bias")
    ours = PathOptimizer(make(name))
    ours.build([bank, bias])

    row, whole = keras.Variable(start[1], name="row"), keras.Variable(bias_start, name="whole")
    stock = make(name)
    stock.exclude_from_weight_decay(var_names=["whole"])
    stock.build([row, whole])

    for _ in range(4):
        by_row = tf.constant(rng.normal(size=4), tf.float32)
        by_bias = tf.constant(rng.normal(size=(2, 2)), tf.float32)
        ours.apply(
            [
                RowUpdate(
                    bank, bank.value[1], by_row, Place.of(tf.constant(1), tf.constant(True)), True
                ),
                RowUpdate(bias, bias.value, by_bias, None, False),
            ]
        )
        stock.apply([by_row, by_bias])
        np.testing.assert_allclose(bank.value[1], row, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(bias, whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(rows_of(bank)[[0, 2]], start[[0, 2]])
    banks = [slot for slot in slots_of(ours.optimizer) if slot.shape == bank.shape]
    for slot in banks:
        np.testing.assert_array_equal(rows_of(slot).any(axis=1), ROW_OF_THREE)
    assert int(ours.optimizer.iterations) == 4


@pytest.mark.parametrize("name", ["nesterov", "adam", "adamw"])
def test_a_rarely_sampled_row_is_stepped_as_by_an_optimizer_applied_as_often(name):
    """The row is updated at steps 0, 3 and 4 of five; shared weights are updated at every step."""
    start = np.array([[0.5, -1.0], [2.0, 1.0]], np.float32)
    bank, row = keras.Variable(start, name="bank"), keras.Variable(start[1], name="row")
    shared, whole = (keras.Variable(start[0], name=name) for name in ("shared", "whole"))
    ours, stock, stock_whole = PathOptimizer(make(name)), make(name), make(name)
    ours.build([bank, shared])
    stock.build([row])
    stock_whole.build([whole])
    gradients = np.random.default_rng(1).normal(0, 0.1, (5, 2)).astype(np.float32)
    for step, choice in enumerate([1, 0, 0, 1, 1]):
        gradient = tf.constant(gradients[step])
        value = tf.gather(bank.value, choice)
        ours.apply(
            [
                RowUpdate(bank, value, gradient, Place.of(tf.constant(choice), True), True),
                RowUpdate(shared, shared.value, gradient, None, True),
            ]
        )
        if choice == 1:
            stock.apply([gradient])
        stock_whole.apply([gradient])
        np.testing.assert_allclose(bank.value[1], row, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(shared, whole, rtol=1e-5, atol=1e-6)
    if name != "nesterov":
        count, shared_count = ours.variables.values()
        np.testing.assert_array_equal(count, [[2], [3]])
        assert shared_count[0] == 5


@pytest.mark.parametrize("name", ["scheduled", "scheduled adamw"])
def test_the_schedule_goes_by_all_steps_however_rarely_a_row_is_sampled(name):
    bank = keras.Variable(np.ones((2, 2), np.float32), name="bank")
    row = keras.Variable(np.ones(2, np.float32), name="row")
    ours = PathOptimizer(make(name))
    ours.build([bank])
    # The learning rates of the schedule at steps 0 and 4 of six, computed by hand.
    rates = {0: 0.2, 4: 0.1 * (1 + np.cos(np.pi * 4 / 6))}
    config = ours.optimizer.get_config() | {"learning_rate": 0.2}
    stock = type(ours.optimizer).from_config(config)
    stock.build([row])
    for step, choice in enumerate([0, 1, 1, 1, 0]):
        value = tf.gather(bank.value, choice)
        ours.apply(
            [RowUpdate(bank, value, tf.fill([2], 0.3), Place.of(tf.constant(choice), True), True)]
        )
        if choice == 0:
            stock.learning_rate.assign(rates[step])
            stock.apply([tf.fill([2], 0.3)])
    np.testing.assert_allclose(bank.value[0], row, rtol=1e-5)


@pytest.mark.parametrize("name", ["nesterov", "decayed", "adamw"])
def test_an_inactive_row_keeps_value_moments_and_count(name):
    bank = keras.Variable(np.ones((2, 3), np.float32), name="bank")
    optimizer = PathOptimizer(make(name))
    optimizer.build([bank])
    gradient = tf.ones(3)
    optimizer.apply(
        [RowUpdate(bank, bank.value[0], gradient, Place.of(0, tf.constant(True)), True)]
    )
    state = [bank, *slots_of(optimizer.optimizer), *optimizer.variables.values()]
    before = [np.array(v) for v in state]
    assert (before[0][0] < 1).all() and before[1][0].any()
    inactive = RowUpdate(bank, bank.value[0], gradient, Place.of(0, tf.constant(False)), True)
    optimizer.apply([inactive])
    for variable, value in zip(state, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_rows_are_written_in_place_or_not_at_all():
    bank = keras.Variable(np.zeros((3, 2), np.float32))
    written = Place.of(tf.constant(2), tf.constant(True))
    written.write(bank.value, tf.constant([1.0, 2.0]))
    Place.of(tf.constant(0), tf.constant(False)).write(bank.value, tf.constant([9.0, 9.0]))
    np.testing.assert_array_equal(bank, [[0, 0], [0, 0], [1, 2]])


def test_several_rows_are_written_in_place_or_not_at_all():
    bank = keras.Variable(np.arange(6.0, dtype=np.float32).reshape(3, 2))
    written = Rows.of(tf.constant([2, 0]), tf.constant(True))
    np.testing.assert_array_equal(written.read(bank.value), [[4, 5], [0, 1]])
    written.write(bank.value, tf.constant([[7.0, 8.0], [9.0, 10.0]]))
    idle = Rows.of(tf.constant([1, 2]), tf.constant(False))
    idle.write(bank.value, tf.zeros([2, 2]))
    np.testing.assert_array_equal(bank, [[9, 10], [2, 3], [7, 8]])


@pytest.mark.parametrize("name", SETTINGS)
def test_several_rows_are_stepped_as_keras_steps_a_variable(name):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(4, 3)).astype(np.float32)
    bank, part = keras.Variable(start, name="bank"), keras.Variable(start[[3, 1]], name="part")
    ours, stock = PathOptimizer(make(name)), make(name)
    ours.build([bank])
    stock.build([part])
    for _ in range(3):
        gradient = tf.constant(rng.normal(size=(2, 3)), tf.float32)
        place = Rows.of(tf.constant([3, 1]), tf.constant(True))
        ours.apply([RowUpdate(bank, place.read(bank.value), gradient, place, True)])
        stock.apply([gradient])
        np.testing.assert_allclose(np.array(bank)[[3, 1]], part, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.array(bank)[[0, 2]], start[[0, 2]])
    for count in ours.variables.values():
        np.testing.assert_array_equal(count, [[0], [3], [0], [3]])


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adagrad(), keras.optimizers.RMSprop()])
def test_other_optimizers_are_refused_by_name(optimizer):
    with pytest.raises(ValueError, match=f"SGD, Adam, AdamW .*received {type(optimizer).__name__}"):
        PathOptimizer(optimizer)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("clipnorm", 1.0), ("clipvalue", 1.0), ("use_ema", True), ("gradient_accumulation_steps", 2)]
    + [("loss_scale_factor", 2.0)],
)
def test_settings_that_would_be_ignored_are_refused_by_name(setting, value):
    with pytest.raises(ValueError, match=f"{setting} is not supported"):
        PathOptimizer(keras.optimizers.SGD(0.1, **{setting: value}))


def test_exclusions_from_weight_decay_and_amsgrad_are_refused_by_name():
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    with pytest.raises(ValueError, match="exclude_from_weight_decay_pattern is not supported"):
        PathOptimizer(optimizer)
    with pytest.raises(ValueError, match="amsgrad is not supported"):
        PathOptimizer(keras.optimizers.Adam(amsgrad=True))
