"""The network and the loss of every weight step, kept for an estimate of what options are worth."""

import numpy as np
import tensorflow as tf

from nas.distribution import replicas


class Observations:
    """A row for every weight step of a training.

    Args:
        steps: weight steps of the whole training.
        rows: decisions of the space.

    Attributes:
        variables: state that checkpoints keep, by name.
    """

    def __init__(self, steps: int, rows: int) -> None:
        self._choices = tf.Variable(tf.zeros([steps, rows], tf.int32), trainable=False)
        self._losses = tf.Variable(tf.fill([steps], np.nan), trainable=False)
        self.variables = {
            "observed_choices": self._choices,
            "observed_losses": self._losses,
        }

    def add(self, step: tf.Tensor, choices: tf.Tensor, loss: tf.Tensor) -> None:
        """Adds a weight step; a step beyond the last is not kept.

        Args:
            step: its number, from 1.
            choices: int32 `[rows]`.
            loss: scalar, equal on all replicas.
        """
        row = tf.range(step - 1, tf.minimum(step, self._losses.shape[0]))
        for variable, value in ((self._choices, choices), (self._losses, loss)):
            values = tf.repeat(value[None], tf.size(row), axis=0)
            replicas.local(variable).scatter_update(tf.IndexedSlices(values, row))

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the choices `[steps, rows]` and losses `[steps]` of the steps made so far.

        A step whose loss was not finite is left out.
        """
        choices, losses = self._choices.numpy(), self._losses.numpy()
        made = np.isfinite(losses)
        return choices[made], losses[made]
