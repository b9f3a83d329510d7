"""A callback list for `fit` that leaves metrics on the device until a callback reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf


class LazyCallbackList(keras.callbacks.CallbackList):
    """A callback list that passes scalar tensors, not numbers, to `on_train_batch_end`.

    Stock `fit` converts every metric to a Python number after every batch, and waits for the device
    to do so even if no callback reads the number. Here a callback that needs it calls
    `float(logs["loss"])`. At the end of an epoch all callbacks receive numbers as usual.

    Args:
        callbacks: the callbacks.
        model: the model that `fit` is called on.
        epochs: as given to `fit`.
        steps: batches per epoch.
        first_step: number of steps made before this `fit`.
    """

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        model: keras.Model,
        epochs: int,
        steps: int,
        first_step: int = 0,
    ) -> None:
        super().__init__(
            list(callbacks),
            add_history=True,
            model=model,
            verbose=0,
            epochs=epochs,
            steps=steps,
            first_step=first_step,
        )

    def on_train_batch_end(self, batch: int, logs: Mapping[str, tf.Tensor] | None = None) -> None:
        """Passes `logs` on as scalars; a child on several replicas has a vector of one value."""
        received: dict[str, Any] = {
            name: tf.reshape(value, []) if len(value.shape) else value
            for name, value in (logs or {}).items()
        }
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs=received)
