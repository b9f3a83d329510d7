"""The first epoch of a search in one space, at several learning rates.

The supernet is traced once; every epoch begins with the same weights, batches and paths.
"""

import dataclasses
import math
from typing import Annotated, Any, Literal, cast

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field
from pydantic.dataclasses import dataclass

from nas import json_lines
from nas.architecture.operations import STRICT
from nas.architecture.specs import SearchSpace
from nas.data import batching
from nas.data.splits.dataset import Dataset
from nas.distribution.hosts import Distribution
from nas.file_kinds import RATES
from nas.files import Path
from nas.searching import search
from nas.searching.algorithms import SupernetAlgorithm
from nas.searching.learning_rates import TwoCosines
from nas.searching.paired_batches import paired_batches
from nas.searching.search_config import SearchConfig


@dataclass(frozen=True, config=STRICT)
class FirstEpoch:
    """What the first epoch of a search reached.

    Attributes:
        space: name of the space.
        factor: by what the learning rate was multiplied.
        accuracy: training accuracy, the average over the epoch's steps and their random paths.
        loss: average training loss; None if it was not finite.
        most_loss: largest loss of a step; None if one was not finite.
        settings: what all epochs of a file share.
        provenance: command, revision and versions.
    """

    space: str
    factor: Annotated[float, Field(gt=0.0)]
    accuracy: Annotated[float, Field(ge=0.0, le=1.0)]
    loss: float | None
    most_loss: float | None
    settings: dict[str, Any]
    provenance: dict[str, Any]
    schema_version: Literal[1] = 1


def read(path: Path) -> list[FirstEpoch]:
    """Reads every row; none if the file does not exist.

    Raises:
        ValueError: a row is not of a first epoch.
    """
    return json_lines.read(path, FirstEpoch, RATES, 1)


def append(path: Path, epoch: FirstEpoch) -> None:
    """Appends one row."""
    json_lines.append(path, [dataclasses.asdict(epoch)])


class _Scaled(TwoCosines):
    """The learning rates of a search times a factor that can be changed."""

    def __init__(self, config: SearchConfig, steps_per_epoch: int) -> None:
        super().__init__(config, steps_per_epoch)
        self.factor = tf.Variable(1.0, trainable=False)

    def __call__(self, step):
        """Returns the learning rate at `step`."""
        return super().__call__(step) * self.factor


class _Losses(keras.callbacks.Callback):
    """Keeps the loss of every step, and what the epoch reached; stops when a loss is infinite."""

    def __init__(self) -> None:
        super().__init__()
        self._averages: list[float] = []
        self.accuracy = 0.0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Appends the average so far."""
        self._averages.append(float(logs["loss"]))
        self.accuracy = float(logs["accuracy"])
        self.model.stop_training |= not math.isfinite(self._averages[-1])

    @property
    def loss(self) -> float | None:
        """The average; None if it is not finite."""
        return _finite(self._averages[-1])

    @property
    def most(self) -> float | None:
        """The largest loss of a step; None if one is not finite."""
        sums = np.array(self._averages) * np.arange(1, len(self._averages) + 1)
        return _finite(float(np.max(np.diff(sums, prepend=0.0))))


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


class FirstEpochs:
    """First epochs of one search.

    Args:
        space: the space, with the data set's classes and resolution.
        dataset: its training split is used.
        config: settings of a search with a supernet, and at least an epoch of warm-up.
    """

    def __init__(self, space: SearchSpace, dataset: Dataset, config: SearchConfig) -> None:
        task, prepared = search.prepare(space, dataset, None, config, Distribution())
        algorithm = cast(SupernetAlgorithm, prepared)
        self._steps = batching.steps_per_epoch(dataset.train, config.batch_size)
        self._net = search.build_supernet(space, config, task.latencies, self._steps, algorithm)
        self._schedule = _Scaled(config, self._steps)
        self._net.optimizer.learning_rate = self._schedule
        self._batches = lambda: paired_batches(dataset, config, 0, algorithm.learns_alpha)
        variables = search.run_variables(self._net).values()
        self._first = [(variable, variable.numpy()) for variable in variables]

    def run(self, factor: float) -> dict[str, Any]:
        """Trains an epoch from the first weights on; returns the fields of `FirstEpoch`."""
        for variable, value in self._first:
            variable.assign(value)
        self._schedule.factor.assign(factor)
        losses = _Losses()
        self._net.fit(
            self._batches(),
            epochs=1,
            steps_per_epoch=self._steps,
            shuffle=False,
            verbose=0,
            callbacks=[losses],
        )
        return {
            "factor": factor,
            "accuracy": round(losses.accuracy, 4),
            "loss": losses.loss,
            "most_loss": losses.most,
        }
