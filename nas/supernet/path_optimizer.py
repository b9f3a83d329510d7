"""Applies a Keras optimizer to the sampled path only.

A stock optimizer updates every variable that it is given. Candidates that were not sampled would
have zero gradients, but momentum and weight decay would still change them. Here, only the rows of a
bank that were read are updated, with the same rows of the optimizer's slot variables (momentum,
moments). The Keras optimizer keeps the state and the settings: learning rate and schedule,
iterations, momentum, decay.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from nas.distribution import replicas


class Place(NamedTuple):
    """Where a row is written, if at all.

    Weights, moments and slot variables of a candidate have the same place, so it is computed once.

    Attributes:
        row: scalar int32, index of the row.
        written: `[row]` if the row is written, `[]` if it stays as it is.
        extent: size of the slice that is written, `[1, -1]` or `[0, -1]`.
    """

    row: tf.Tensor
    written: tf.Tensor
    extent: tf.Tensor

    @classmethod
    def of(cls, row: tf.Tensor | int, is_active: tf.Tensor | bool) -> "Place":
        """Returns the place of `row`, which is written only if `is_active`."""
        row = tf.convert_to_tensor(row, tf.int32)
        count = tf.reshape(tf.cast(is_active, tf.int32), [1])
        written = tf.slice(tf.reshape(row, [1]), [0], count)
        return cls(row, written, tf.concat([count, [-1]], axis=0))

    def read(self, variable: tf.Variable) -> tf.Tensor:
        """Returns the row of `variable` `[rows, length]`."""
        return tf.gather(variable, self.row)

    def write(self, variable: tf.Variable, value: tf.Tensor) -> None:
        """Writes the row of `variable` `[rows, length]`, or nothing if `written` is empty."""
        # `tf.slice` is one operation in the graph; indexing with brackets makes a dozen.
        values = tf.slice(tf.expand_dims(value, 0), [0, 0], self.extent)
        variable.scatter_update(tf.IndexedSlices(values, self.written))


class Rows(NamedTuple):
    """Several rows of a variable, each of which is there once.

    Attributes:
        rows: `[n]` int32, indices of the rows.
        written: `rows` if they are written, `[]` if they stay as they are.
        extent: size of the slice of their values that is written, `[n, -1]` or `[0, -1]`.
    """

    rows: tf.Tensor
    written: tf.Tensor
    extent: tf.Tensor

    @classmethod
    def of(cls, rows: tf.Tensor, is_active: tf.Tensor | bool) -> "Rows":
        """Returns the place of `rows` `[n]`, which are written only if `is_active`."""
        count = tf.reshape(tf.where(is_active, tf.size(rows), 0), [1])
        return cls(rows, tf.slice(rows, [0], count), tf.concat([count, [-1]], axis=0))

    def read(self, variable: tf.Variable) -> tf.Tensor:
        """Returns the rows of `variable` `[rows, length]`, `[n, length]`."""
        return tf.gather(variable, self.rows)

    def write(self, variable: tf.Variable, value: tf.Tensor) -> None:
        """Writes the rows of `variable` `[rows, length]`, or nothing if `written` is empty."""
        variable.scatter_update(
            tf.IndexedSlices(tf.slice(value, [0, 0], self.extent), self.written)
        )


AnyPlace = Place | Rows


class RowUpdate(NamedTuple):
    """One row of a variable, or several, with their gradient.

    Attributes:
        variable: `[rows, length]`; any shape if `place` is None.
        value: the values as they were read.
        gradient: gradient of the loss, in the shape of `value`.
        place: place of the values; None to update the whole variable.
        decays: whether weight decay applies (kernels, not normalization or bias).
    """

    variable: keras.Variable
    value: tf.Tensor
    gradient: tf.Tensor
    place: AnyPlace | None
    decays: bool


class _Sgd:
    """Plain, momentum and Nesterov SGD (`keras.optimizers.SGD`)."""

    counts_steps = False

    def __init__(self, optimizer: keras.optimizers.SGD) -> None:
        self._optimizer = optimizer

    @property
    def slots(self) -> list[Sequence[keras.Variable]]:
        momentums = self._optimizer.momentums
        return [momentums] if momentums else []

    def step(self, gradient, slots, count, learning_rate):
        del count
        step = -learning_rate * gradient
        if not slots:
            return step, []
        moved = self._optimizer.momentum * slots[0] + step
        if self._optimizer.nesterov:
            return self._optimizer.momentum * moved + step, [moved]
        return moved, [moved]


class _Adam:
    """Adam and AdamW (Kingma & Ba 2015, algorithm 1), with a bias correction per row."""

    counts_steps = True

    def __init__(self, optimizer: keras.optimizers.Adam) -> None:
        if optimizer.amsgrad:
            raise ValueError(
                "optimizer: amsgrad is not supported for the weights of a supernet; leave it out"
            )
        self._optimizer = optimizer

    @property
    def slots(self) -> list[Sequence[keras.Variable]]:
        return [self._optimizer._momentums, self._optimizer._velocities]

    def step(self, gradient, slots, count, learning_rate):
        beta_1, beta_2 = self._optimizer.beta_1, self._optimizer.beta_2
        mean = slots[0] + (gradient - slots[0]) * (1.0 - beta_1)
        square = slots[1] + (tf.square(gradient) - slots[1]) * (1.0 - beta_2)
        steps = tf.cast(count, tf.float32)
        correction = tf.sqrt(1.0 - tf.pow(beta_2, steps)) / (1.0 - tf.pow(beta_1, steps))
        step = -learning_rate * correction * mean / (tf.sqrt(square) + self._optimizer.epsilon)
        return step, [mean, square]


_RULES: dict[str, Callable[[Any], _Sgd | _Adam]] = {"SGD": _Sgd, "Adam": _Adam, "AdamW": _Adam}
_UNSUPPORTED = (
    *("clipnorm", "clipvalue", "use_ema", "gradient_accumulation_steps", "loss_scale_factor"),
    *("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"),
)


class PathOptimizer:
    """Applies the update rule of a Keras optimizer to rows.

    Args:
        optimizer: `keras.optimizers.SGD` (plain, momentum, Nesterov), `Adam` or `AdamW`. It may
            have a learning rate or a schedule (by the number of all steps), `weight_decay`
            (decoupled, as in Keras) and `global_clipnorm` (over the sampled path). Weight decay
            applies to kernels only.

    Raises:
        ValueError: another optimizer, or a setting that would be ignored: clipping by value or by
            single norm, averaging, gradient accumulation, loss scaling, amsgrad, or exclusions
            from weight decay.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        name = type(optimizer).__name__
        if name not in _RULES:
            raise ValueError(
                f"optimizer: expected one of {', '.join(_RULES)} for the weights of a supernet, "
                f"received {name}"
            )
        for setting in _UNSUPPORTED:
            if getattr(optimizer, setting, None):
                raise ValueError(
                    f"optimizer: {setting.lstrip('_')} is not supported for the weights of a "
                    "supernet; leave it out"
                )
        self.optimizer = optimizer
        self._rule = _RULES[name](optimizer)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Creates the slot variables and, if the rule needs them, the step counts."""
        self.optimizer.build(variables)
        slots = zip(*self._rule.slots, strict=True) if self._rule.slots else [()] * len(variables)
        self._slots = {v.path: row for v, row in zip(variables, slots, strict=True)}
        # One count per row. Shared weights take every step, and use the first count only.
        self._counts = {
            v.path: tf.Variable(tf.zeros([v.shape[0], 1], tf.int64), trainable=False)
            for v in variables
            if self._rule.counts_steps
        }

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """State that the Keras optimizer does not keep: the number of updates of each row."""
        counts = enumerate(self._counts.values())
        return {f"path_optimizer_count_{i:04d}": count for i, count in counts}

    def apply(self, updates: Sequence[RowUpdate]) -> None:
        """Updates every active row, then the iteration count."""
        learning_rate = tf.cast(self.optimizer.learning_rate, tf.float32)
        scale = self._clip_scale([update.gradient for update in updates])
        for update in updates:
            self._step(update, learning_rate, scale)
        replicas.local(self.optimizer.iterations).assign_add(1)

    def _clip_scale(self, gradients: Sequence[tf.Tensor]) -> tf.Tensor | None:
        limit = self.optimizer.global_clipnorm
        if not limit:
            return None
        return limit / tf.maximum(tf.linalg.global_norm(gradients), limit)

    def _step(self, update: RowUpdate, learning_rate: tf.Tensor, scale: tf.Tensor | None) -> None:
        path = update.variable.path
        gradient = update.gradient if scale is None else scale * update.gradient
        slots = [_read(slot.value, update) for slot in self._slots[path]]
        count = None
        if path in self._counts:
            counts = self._counts[path]
            place = update.place or Place.of(0, True)
            count = place.read(counts) + 1
            place.write(counts, count)
        step, moved = self._rule.step(gradient, slots, count, learning_rate)
        for slot, value in zip(self._slots[path], moved, strict=True):
            _write(slot, value, update)
        value = update.value
        if update.decays and self.optimizer.weight_decay:
            value = value - learning_rate * self.optimizer.weight_decay * value
        _write(update.variable, value + step, update)


def _read(variable: tf.Variable, update: RowUpdate) -> tf.Tensor:
    return variable if update.place is None else update.place.read(variable)


def _write(variable: keras.Variable, value: tf.Tensor, update: RowUpdate) -> None:
    if update.place is None:
        variable.assign(value)
    else:
        update.place.write(variable.value, value)
