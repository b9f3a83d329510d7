"""Times a few steps of a search for its dry run; keeps nothing of them."""

import dataclasses
import resource
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from nas.data import batching
from nas.searching import algorithms, paired_batches, search
from nas.searching.algorithms import Task
from nas.training import callback_list

# Each `fit` ends after this time if it made enough steps, and after `_MOST_STEPS` in any case.
_SECONDS = 10.0
_MOST_STEPS = 40


@dataclasses.dataclass(frozen=True)
class Trial:
    """Time and memory of a few steps on this machine under its present load.

    Attributes:
        first_seconds: time until the end of the first step, including building and tracing.
        weight_step_seconds: mean time of a step that updates only weights, over random paths.
        both_steps_seconds: mean time of a step that also updates alpha; None if alpha is not
            learned.
        steps: number of steps made.
        peak_bytes: peak memory of this process so far, including the data set.
        gpu_peak_bytes: peak memory of the first GPU; None without a GPU.
    """

    first_seconds: float
    weight_step_seconds: float
    both_steps_seconds: float | None
    steps: int
    peak_bytes: int
    gpu_peak_bytes: int | None

    def seconds_of(self, warmup_steps: int, search_steps: int, arch_period: int) -> float:
        """Estimates the seconds of these steps; every `arch_period`-th search step learns alpha."""
        seconds = self.weight_step_seconds * (warmup_steps + search_steps)
        if self.both_steps_seconds is None:
            return seconds
        due = -(-search_steps // arch_period)
        return seconds + due * (self.both_steps_seconds - self.weight_step_seconds)


def run(task: Task, algorithm: algorithms.SupernetAlgorithm) -> Trial:
    """Times steps of both kinds with the task's own images."""
    begin = time.perf_counter()
    config = task.config
    steps_per_epoch = batching.steps_per_epoch(task.dataset.train, config.batch_size)
    hosts = task.distribution
    with hosts.scope():
        net = search.build_supernet(
            task.space, config, task.latencies, steps_per_epoch, algorithm, hosts.sync_batch_norm
        )

    def fit(first_step: int, enough: int) -> list[float]:
        clock = _Clock(enough)
        net.fit(
            hosts.distribute(
                lambda share: paired_batches.paired_batches(
                    task.dataset, config, first_step, algorithm.learns_alpha, share
                )
            ),
            steps_per_epoch=_MOST_STEPS,
            shuffle=False,
            verbose=0,
            callbacks=callback_list.LazyCallbackList([clock], net, 1, _MOST_STEPS),
        )
        return clock.seconds

    # The steps before the first architecture step update only weights, also without a warm-up.
    first_of_search = config.warmup_epochs * steps_per_epoch
    period = config.arch_period
    if not algorithm.learns_alpha:
        weights, both = fit(0, 3), []
        made = len(weights) + 1
    else:
        seconds = fit(first_of_search, period + 2)
        both, weights = seconds[period - 1 :: period], _without(seconds, period)
        made = len(seconds) + 1
        if not weights:
            weights = fit(0, 3) if config.warmup_epochs else both
    return Trial(
        first_seconds=time.perf_counter() - begin - sum(weights) - sum(both),
        weight_step_seconds=statistics.fmean(weights),
        both_steps_seconds=statistics.fmean(both) if both else None,
        steps=made,
        peak_bytes=_peak_bytes(),
        gpu_peak_bytes=_gpu_peak_bytes(),
    )


def _without(seconds: Sequence[float], period: int) -> list[float]:
    """Seconds of the steps that do not update alpha."""
    return [value for i, value in enumerate(seconds) if (i + 1) % period]


class _Clock(keras.callbacks.Callback):
    """Times steps until there are enough of them and `_SECONDS` have passed.

    Attributes:
        seconds: time of each step after the first.
    """

    def __init__(self, enough: int) -> None:
        super().__init__()
        self._enough = enough
        self._ends: list[float] = []

    @property
    def seconds(self) -> list[float]:
        return [end - begin for begin, end in zip(self._ends, self._ends[1:], strict=False)]

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Waits for the device to finish the step and notes the time."""
        float((logs or {})["loss"])
        self._ends.append(time.perf_counter())
        if len(self._ends) > self._enough and self._ends[-1] - self._ends[0] > _SECONDS:
            self.model.stop_training = True


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _gpu_peak_bytes() -> int | None:
    if not tf.config.list_physical_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
