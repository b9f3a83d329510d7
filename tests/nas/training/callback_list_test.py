import keras
import numpy as np
import tensorflow as tf

from nas.training import callback_list


class Spy(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.at_batches, self.at_epochs = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.at_batches.append((batch, logs))

    def on_epoch_end(self, epoch, logs=None):
        self.at_epochs.append((epoch, logs))


def test_metrics_are_tensors_at_batch_ends_and_numbers_at_epoch_ends(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    data = tf.data.Dataset.from_tensors((np.ones((2, 2)), np.ones((2, 1)))).repeat()
    spy = Spy()
    # One fetches in its own thread. With the other, stock `fit` would wait for every metric.
    others = [keras.callbacks.TensorBoard(str(tmp_path)), keras.callbacks.LambdaCallback()]
    callbacks = callback_list.LazyCallbackList([*others, spy], model, epochs=3, steps=2)
    history = model.fit(
        data, initial_epoch=1, epochs=3, steps_per_epoch=2, verbose=0, callbacks=callbacks
    )
    assert [batch for batch, _ in spy.at_batches] == [0, 1, 0, 1]
    for _, logs in spy.at_batches:
        assert set(logs) == {"loss", "mae"}
        assert all(tf.is_tensor(value) for value in logs.values())
    assert [epoch for epoch, _ in spy.at_epochs] == [1, 2]
    assert all(type(value) is float for _, logs in spy.at_epochs for value in logs.values())
    assert history.history["loss"] == [logs["loss"] for _, logs in spy.at_epochs]
    assert spy.params["epochs"] == 3 and spy.params["steps"] == 2
    assert list(tmp_path.rglob("events.out.*"))


def test_metrics_of_several_replicas_are_scalars_too():
    # Their step returns vectors of one value, since Keras averages vectors over hosts.
    model, spy = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), Spy()
    callbacks = callback_list.LazyCallbackList([spy], model, epochs=1, steps=1)
    callbacks.on_train_batch_end(0, {"loss": tf.constant([2.5]), "mae": tf.constant(1.5)})
    ((_, logs),) = spy.at_batches
    assert {name: float(value) for name, value in logs.items()} == {"loss": 2.5, "mae": 1.5}
