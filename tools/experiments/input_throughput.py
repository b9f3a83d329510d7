"""How fast a split's images are prepared, whole and stage by stage, and how fast they could be.

The limit is what a machine does with the same operations in a plain loop: no queue, no thread that
waits for another, no batch. One such loop runs on each core at a time.

A machine's speed changes from one second to the next by more than the two differ. They take short
turns, therefore, and what is compared is always of one round.
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

# Images that a plain loop goes through: enough to be an average of a data set.
_SAMPLE = 256


@dataclasses.dataclass(frozen=True)
class Throughput:
    """What was measured; medians over the rounds.

    Attributes:
        cores: of this process.
        images_per_second: of the pipeline, by round.
        limits: images a second of plain loops on all cores, by round.
        stage_ms: milliseconds an image spends in each stage, on one core.
    """

    cores: int
    images_per_second: list[float]
    limits: list[float]
    stage_ms: dict[str, float]

    @property
    def rate(self) -> float:
        """Images a second of the pipeline."""
        return statistics.median(self.images_per_second)

    @property
    def limit(self) -> float:
        """Images a second of plain loops."""
        return statistics.median(self.limits)

    @property
    def shares(self) -> list[float]:
        """What the pipeline reached of the plain loops' rate, by round."""
        return [
            rate / limit for rate, limit in zip(self.images_per_second, self.limits, strict=True)
        ]

    @property
    def share(self) -> float:
        """The median of `shares`."""
        return statistics.median(self.shares)

    @property
    def slowest(self) -> str:
        """The stage that takes longest."""
        return max(self.stage_ms, key=self.stage_ms.__getitem__)


Stage = Callable[[Any], tf.Tensor]


def measure(split: Split, batch_size: int, rounds: int, seconds: float) -> Throughput:
    """Runs pipeline and plain loops in turn.

    Args:
        split: whose training batches are made.
        batch_size: images a batch.
        rounds: how often everything is measured.
        seconds: of each measurement, at least; of single stages a quarter.
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
            # Whichever comes second finds a warmer machine: they take turns in that, too.
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
    # A pipeline of its own each time: between measurements it would go on filling its buffers.
    batches = iter(batching.training_batches(split, batch_size, seed=0))
    for _ in range(3):
        next(batches)
    return _rate(lambda: len(next(batches)[1]), seconds)


def _rate(run: Callable[[], int], seconds: float) -> float:
    """Images a second; `run` says how many it made."""
    count, start = 0, time.perf_counter()
    while True:
        count += run()
        spent = time.perf_counter() - start
        if spent >= seconds:
            return count / spent


def _stages(split: Split) -> dict[str, tuple[Stage, bool]]:
    """What is done to images up to the end of each stage, and whether with each by itself."""
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
    """Prepares the same images again and again, up to the end of a stage; no `tf.data`."""

    def __init__(self, split: Split, stage: Stage, one_by_one: bool) -> None:
        count = min(_SAMPLE, len(split))
        indices = tf.constant(np.random.default_rng(0).permutation(len(split))[:count], tf.int64)
        seed = tf.constant([0, 0], tf.int64)
        read = split.training_reader(split.augmentation)
        self._count = count
        # Reading is a stage of its own where images are encoded.
        given = read(indices, seed, 0, count) if one_by_one else None

        def images() -> tf.Tensor:
            if given is None:
                return _corner(stage(read(indices, seed, 0, count))[0])
            # A corner of each image is enough to have it made.
            return tf.while_loop(
                lambda i, total: i < count,
                lambda i, total: (i + 1, total + _corner(stage(_nth(given, i)))),
                (0, 0.0),
                parallel_iterations=1,
            )[1]

        self._run = tf.function(images)
        self._run()

    def __call__(self) -> int:
        self._run()
        return self._count


class _Reads:
    """Reads encoded images from where they lie."""

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
