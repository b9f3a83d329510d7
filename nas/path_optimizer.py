"""Steps of a Keras optimizer on the sampled path alone.

A stock optimizer steps every variable it is given: candidates that were not sampled would get
momentum and weight decay from zero gradients. Here one row of a bank is stepped, together with the
same row of the optimizer's own slot variables, and nothing else is written. The Keras optimizer
keeps the state and the settings: learning rate and schedule, iterations, momentum, decay.
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf


class RowUpdate(NamedTuple):
    """One row of a variable and the gradient it is to be stepped by.

    Attributes:
        variable: `[rows, length]`, or any shape with `row` None.
        value: the row as it was read, `[length]`.
        gradient: the same shape.
        row: index of the row; None for the whole variable.
        is_active: scalar bool; the row is left alone where false.
        decays: whether weight decay applies (kernels, not normalization or bias).
    """

    variable: keras.Variable
    value: tf.Tensor
    gradient: tf.Tensor
    row: tf.Tensor | int | None
    is_active: tf.Tensor | bool
    decays: bool


class PathOptimizer:
    """Applies `keras.optimizers.SGD` to rows.

    Args:
        optimizer: plain, momentum or Nesterov SGD; `weight_decay` (decoupled, as Keras has it) and
            `global_clipnorm` (over the sampled path) are honoured.
            Kernels decay and nothing else does, whatever `exclude_from_weight_decay` was told.

    Raises:
        ValueError: another optimizer, or clipping by value or by single norm, averaging, gradient
            accumulation or loss scaling asked of it.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        if type(optimizer).__name__ != "SGD":
            raise ValueError(
                f"optimizer: expected keras.optimizers.SGD, received {type(optimizer).__name__}; "
                "others are not supported for a supernet's weights yet"
            )
        unsupported = ("clipnorm", "clipvalue", "use_ema", "gradient_accumulation_steps")
        for name in (*unsupported, "loss_scale_factor"):
            if getattr(optimizer, name, None):
                raise ValueError(f"optimizer: {name} is not supported for a supernet's weights")
        self.optimizer = optimizer

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Creates the slot variables, one for each of `variables`."""
        self.optimizer.build(variables)
        momentums = self.optimizer.momentums or [None] * len(variables)
        self._momentum_of = {
            variable.path: momentum for variable, momentum in zip(variables, momentums, strict=True)
        }

    def apply(self, updates: Sequence[RowUpdate]) -> None:
        """Steps every active row, then the iteration count."""
        learning_rate = tf.cast(self.optimizer.learning_rate, tf.float32)
        scale = self._clip_scale([update.gradient for update in updates])
        for update in updates:
            self._step(update, learning_rate, scale)
        self.optimizer.iterations.assign_add(1)

    def _clip_scale(self, gradients: Sequence[tf.Tensor]) -> tf.Tensor | float:
        limit = self.optimizer.global_clipnorm
        if not limit:
            return 1.0
        return limit / tf.maximum(tf.linalg.global_norm(gradients), limit)

    def _step(self, update: RowUpdate, learning_rate: tf.Tensor, scale: tf.Tensor | float) -> None:
        optimizer = self.optimizer
        step = -learning_rate * scale * update.gradient
        velocity = self._momentum_of[update.variable.path]
        if velocity is not None:
            previous = velocity.value
            if update.row is not None:
                previous = tf.gather(previous, update.row)
            plain_step = step
            moved = optimizer.momentum * previous + step
            step = optimizer.momentum * moved + plain_step if optimizer.nesterov else moved
            _write(velocity, moved, update)
        value = update.value
        if update.decays and optimizer.weight_decay:
            value = value - learning_rate * optimizer.weight_decay * value
        _write(update.variable, value + step, update)


def _write(variable: keras.Variable, value: tf.Tensor, update: RowUpdate) -> None:
    if update.row is None:
        variable.assign(value)
    else:
        write_row(variable, value, update.row, update.is_active)


def write_row(
    variable: keras.Variable,
    value: tf.Tensor,
    row: tf.Tensor | int,
    is_active: tf.Tensor | bool,
) -> None:
    """Writes one row of `variable` in place, or nothing at all where not `is_active`."""
    count = tf.cast(is_active, tf.int32)
    rows = tf.reshape(tf.cast(row, tf.int32), [1])[:count]
    variable.value.scatter_update(tf.IndexedSlices(value[None][:count], rows))
