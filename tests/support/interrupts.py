"""Callbacks that stop `fit` like a crash or like Ctrl-C."""

import signal

import keras


class InterruptAt(keras.callbacks.Callback):
    """Raises `KeyboardInterrupt` after a number of batches.

    Attributes:
        left: number of batches that are left.
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
    """Sends the signal of Ctrl-C after a number of batches."""

    def interrupt(self):
        signal.raise_signal(signal.SIGINT)
