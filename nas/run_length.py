"""The length of a run that was extended: at each step, the length that was known then.

A schedule (a cosine of the learning rate, the narrowing of a force) is a function of the step and
of the length of the run. If a run of 10 epochs is extended to 20, the first 10 follow the schedule
of 10 epochs and the rest that of 20, from its middle on. What a run does at a step is therefore a
function of the step and of its lengths, whenever it was stopped or extended.
"""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that follows at each step the schedule of the length that was known then.

    Args:
        make: returns the schedule of a run, given its length in steps.
        lengths: as for `at`.
    """

    def __init__(
        self,
        make: Callable[[int], keras.optimizers.schedules.LearningRateSchedule],
        lengths: Sequence[int],
    ) -> None:
        self._lengths = list(lengths)
        self._schedules = [make(length) for length in lengths]

    def __call__(self, step):
        """Returns the learning rate at `step`."""
        rate = self._schedules[-1](step)
        lengths = self._lengths[:-1]
        for length, schedule in zip(lengths[::-1], self._schedules[-2::-1], strict=True):
            rate = tf.where(step < length, schedule(step), rate)
        return rate

    def get_config(self):
        """Returns the lengths; only optimizers of runs that are saved elsewhere use this."""
        return {"lengths": self._lengths}


def at(step: tf.Tensor, lengths: Sequence[int]) -> int | tf.Tensor:
    """Returns the length that was known at a step.

    Args:
        step: number of the step, from 0; an integer scalar.
        lengths: lengths of the run in steps, increasing: as it was begun, and after each extension.

    Returns:
        The first length above `step`, the last one if there is none; a Python number if there is
        only one, so that the graph of a run that was not extended has no operation for it.
    """
    if len(lengths) == 1:
        return lengths[0]
    known = tf.constant(lengths, step.dtype)
    return tf.reduce_min(tf.where(step < known, known, known[-1]))


def check(earlier_epochs: Sequence[int], epochs: int) -> None:
    """Checks the epochs of the runs that another one extends.

    Raises:
        ValueError: they do not increase, or are not below `epochs`.
    """
    lengths = [0, *earlier_epochs, epochs]
    if any(one >= other for one, other in zip(lengths, lengths[1:], strict=False)):
        raise ValueError(
            f"earlier_epochs: expected increasing numbers from 1 to below epochs={epochs}, "
            f"received {list(earlier_epochs)}"
        )
