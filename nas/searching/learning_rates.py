"""The learning rate of the weights over a search: a cosine for the warm-up, then another.

In an extended search the second cosine is that of the length known at each step.
"""

import keras
import tensorflow as tf

from nas import run_length
from nas.searching.search_config import SearchConfig


class TwoCosines(keras.optimizers.schedules.LearningRateSchedule):
    """A cosine over the warm-up, then another over the search."""

    def __init__(self, config: SearchConfig, steps_per_epoch: int) -> None:
        self._config, self._steps_per_epoch = config, steps_per_epoch
        self._warmup_steps = config.warmup_epochs * steps_per_epoch
        self._warmup = keras.optimizers.schedules.CosineDecay(
            config.warmup_learning_rate, max(1, self._warmup_steps)
        )
        epochs = (*config.earlier_epochs, config.epochs)
        self._search = run_length.Schedule(
            lambda steps: keras.optimizers.schedules.CosineDecay(config.learning_rate, steps),
            [count * steps_per_epoch for count in epochs],
        )

    def __call__(self, step):
        """Returns the learning rate at `step`."""
        return tf.where(
            step < self._warmup_steps, self._warmup(step), self._search(step - self._warmup_steps)
        )

    def get_config(self):
        """Returns the arguments."""
        return {"config": self._config, "steps_per_epoch": self._steps_per_epoch}
