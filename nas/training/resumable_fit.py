"""A `fit` that begins at any step, and stops between two of them."""

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

    On Ctrl-C or SIGTERM the step is ended and the state kept, before KeyboardInterrupt is raised.

    Args:
        model: compiled.
        batches: the training data from a step on.
        finished_steps: steps made before.
        epochs: of the whole training.
        steps: an epoch.
        state: restored; what keeps the run.
        callbacks: all of them, `state` among them; at batch ends their logs are tensors.
    """
    with interruption.deferred() as state.request:
        while finished_steps < epochs * steps:
            epoch, step = divmod(finished_steps, steps)
            # The rest of an epoch that was begun, then all the others.
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
