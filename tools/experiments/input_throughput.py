"""Measures how fast a split's images are prepared, as a whole and by stage, and the possible limit.

The limit is the speed of the same operations in a plain loop: without queues, without threads that
wait for each other, without batches. One such loop runs on each core.

A machine's speed changes from one second to the next by more than pipeline and loop differ.
Therefore they take short turns, and only measurements of the same round are compared.
"""

import dataclasses
import os
import statistics
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import numpy as np
import tensorflow as tf

from nas.data import batching
from nas.data.images import image_decoding
from nas.data.splits.encoded_split import EncodedSplit, Unfinished
from nas.data.splits.split import Split

# Number of images in a plain loop, enough to represent the data set.
_SAMPLE = 256


@dataclasses.dataclass(frozen=True)
class Throughput:
    """Results of the measurement.

    Attributes:
        cores: number of cores that this process may use.
        images_per_second: images per second of the pipeline, by round.
        limits: images per second of the plain loops on all cores, by round.
        stage_ms: milliseconds per image in each stage on one core, medians over the rounds.
    """

    cores: int
    images_per_second: list[float]
    limits: list[float]
    stage_ms: dict[str, float]

    @property
    def rate(self) -> float:
        """Median images per second of the pipeline."""
        return statistics.median(self.images_per_second)

    @property
    def limit(self) -> float:
        """Median images per second of the plain loops."""
        return statistics.median(self.limits)

    @property
    def shares(self) -> list[float]:
        """Rate of the pipeline over that of the plain loops, by round."""
        return [
            rate / limit for rate, limit in zip(self.images_per_second, self.limits, strict=True)
        ]

    @property
    def share(self) -> float:
        """The median of `shares`."""
        return statistics.median(self.shares)

    @property
    def slowest(self) -> str:
        """The stage that takes the most time."""
        return max(self.stage_ms, key=self.stage_ms.__getitem__)


Stage = Callable[[Any], tf.Tensor]


def measure(split: Split, batch_size: int, rounds: int, seconds: float) -> Throughput:
    """Times the pipeline and the plain loops in turn.

    Args:
        split: the split whose training batches are made.
        batch_size: images per batch.
        rounds: number of rounds; each measures everything once.
        seconds: least duration of each measurement; single stages take a quarter of it.
    """
    cores = len(os.sched_getaffinity(0))
    loops = {name: _Loop(split, *stage) for name, stage in _stages(split).items()}
    whole = list(loops)[-1]
    pipeline, limits = [], []
    by_stage: dict[str, list[float]] = {name: [] for name in loops}
    reads: list[float] = []
    with futures.ThreadPoolExecutor(cores) as pool:

        def on_all_cores() -> None:
            rates = pool.map(lambda _: _rate(loops[whole], seconds), range(cores))
            limits.append(sum(rates))

        def in_pipeline() -> None:
            pipeline.append(_pipeline_rate(split, batch_size, seconds))

        for number in range(rounds):
            # The second measurement finds a warmer machine, so the order alternates.
            turns = (in_pipeline, on_all_cores) if number % 2 else (on_all_cores, in_pipeline)
            for turn in turns:
                turn()
            for name, loop in loops.items():
                by_stage[name].append(1000.0 / _rate(loop, seconds / 4))
            reads.append(1000.0 / _rate(_Reads(split), seconds / 4))
    stage_ms = {"read": statistics.median(reads)} if isinstance(split, EncodedSplit) else {}
    before = 0.0
    for name in loops:
        until = statistics.median(by_stage[name])
        stage_ms[name] = max(0.0, until - before)
        before = until
    spent = 1000.0 * cores / statistics.median(pipeline)
    stage_ms["batches, hand-over"] = max(0.0, spent - sum(stage_ms.values()))
    return Throughput(cores, pipeline, limits, stage_ms)


def _pipeline_rate(split: Split, batch_size: int, seconds: float) -> float:
    # Make a new pipeline each time, since an old one would fill its buffers between measurements.
    batches = iter(batching.training_batches(split, batch_size, seed=0))
    for _ in range(3):
        next(batches)
    return _rate(lambda: len(next(batches)[1]), seconds)


def _rate(run: Callable[[], int], seconds: float) -> float:
    """Calls `run` for `seconds`; returns images per second. `run` returns its number of images."""
    count, start = 0, time.perf_counter()
    while True:
        count += run()
        spent = time.perf_counter() - start
        if spent >= seconds:
            return count / spent


def _stages(split: Split) -> dict[str, tuple[Stage, bool]]:
    """For each stage, the operations up to its end, and whether they take one image at a time."""
    if not isinstance(split, EncodedSplit):
        return {
            "crop, flip": (lambda images: images, False),
            "to float": (batching.to_float, False),
        }

    def resize(image: Unfinished) -> tf.Tensor:
        return image_decoding.resize(split.decode(image), split.resolution)

    finish = split.finisher(augmented=True)
    return {
        "decode, crop": (split.decode, True),
        "resize": (resize, True),
        "flip, colour": (finish, True),
        "to float": (lambda image: batching.to_float(finish(image)), True),
    }


class _Loop:
    """Prepares the same images repeatedly up to the end of a stage, without `tf.data`."""

    def __init__(self, split: Split, stage: Stage, one_by_one: bool) -> None:
        count = min(_SAMPLE, len(split))
        indices = tf.constant(np.random.default_rng(0).permutation(len(split))[:count], tf.int64)
        seed = tf.constant([0, 0], tf.int64)
        read = split.training_reader(split.augmentation)
        self._count = count
        # For encoded images, reading is a separate stage, so it is done before.
        given = read(indices, seed, 0, count) if one_by_one else None

        def images() -> tf.Tensor:
            if given is None:
                return _corner(stage(read(indices, seed, 0, count))[0])
            # Using one pixel of each image forces TensorFlow to make the whole image.
            return tf.while_loop(
                lambda i, total: i < count,
                lambda i, total: (i + 1, total + _corner(stage(_nth(given, i)))),
                (0, 0.0),
                parallel_iterations=1,
            )[1]

        self._run = tf.function(images, autograph=False)
        self._run()

    def __call__(self) -> int:
        self._run()
        return self._count


class _Reads:
    """Reads encoded images from their files or from memory."""

    def __init__(self, split: Split) -> None:
        count = min(_SAMPLE, len(split))
        self._indices = np.random.default_rng(1).permutation(len(split))[:count]
        self._split = split

    def __call__(self) -> int:
        if isinstance(self._split, EncodedSplit):
            self._split.read(self._indices)
        return len(self._indices)


def _nth(values: Unfinished, i: tf.Tensor) -> Unfinished:
    return tf.nest.map_structure(lambda tensor: tensor[i], values)


def _corner(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(pixels[0, 0, 0], tf.float32)
