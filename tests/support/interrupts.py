"""Callbacks that stop a `fit` as a crash or a person does."""

import signal

import keras


class InterruptAt(keras.callbacks.Callback):
    """Ends everything after so many batches; until then it counts them.

    Attributes:
        left: batches until then.
    """

    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            self.interrupt()

    def interrupt(self):
        raise KeyboardInterrupt


class CtrlCAt(InterruptAt):
    """The signal after so many batches, as a person sends it."""

    def interrupt(self):
        signal.raise_signal(signal.SIGINT)
