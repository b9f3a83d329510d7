"""Callbacks of a `fit` that leave metrics on the device until one of them reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf


class LazyCallbackList(keras.callbacks.CallbackList):
    """A list of callbacks whose batch ends receive scalars as tensors.

    Stock `fit` turns every metric into a Python number after every batch, for which it waits for
    the device even if no callback looks at the number. Here a callback that wants it says
    `float(logs["loss"])`, as often as it likes; at the end of an epoch all get numbers as usual.

    Args:
        callbacks: the callbacks.
        model: what `fit` is called on.
        epochs: as given to `fit`.
        steps: batches an epoch.
        first_step: how many steps were made before this `fit`.
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
        """Hands `logs` on as they are."""
        received: dict[str, Any] = dict(logs or {})
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs=received)
