"""A `fit` that starts at any step and stops between two steps on request."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from nas.training import callback_list, interruption
from nas.training.checkpoints import RunState


def fit(
    model: keras.Model,
    batches: Callable[[int], tf.data.Dataset],
    finished_steps: int,
    epochs: int,
    steps: int,
    state: RunState,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Trains from step `finished_steps` to the end of epoch `epochs`.

    On Ctrl-C or SIGTERM the current step is finished and a checkpoint written before
    KeyboardInterrupt is raised.

    Args:
        model: a compiled model.
        batches: given a step, returns the training data from that step on.
        finished_steps: steps made before.
        epochs: epochs of the whole training.
        steps: steps per epoch.
        state: the run's state, restored; it writes metrics and checkpoints.
        callbacks: all callbacks, including `state`; at batch ends their logs are tensors.
    """
    with interruption.deferred() as state.request:
        while finished_steps < epochs * steps:
            epoch, step = divmod(finished_steps, steps)
            # First the rest of an epoch that was interrupted, then all remaining epochs.
            last = epoch + 1 if step else epochs
            model.fit(
                batches(finished_steps),
                initial_epoch=epoch,
                epochs=last,
                steps_per_epoch=steps - step,
                shuffle=False,
                verbose=0,
                callbacks=callback_list.LazyCallbackList(
                    callbacks, model, epochs, steps, finished_steps
                ),
            )
            finished_steps = last * steps
