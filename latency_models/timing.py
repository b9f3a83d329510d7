"""Interleaved timing: what makes two latencies comparable on a machine whose speed drifts.

Every round takes one sample of every model in a new random order, with the reference model a few
times in between. A latency is the median over the rounds of the model's sample divided by the
reference's median in the same round, so that what slows a whole round cancels.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from latency_models import devices

# Called like `tqdm`: an iterable, its length, a description; yields the same items.
Progress = Callable[[Iterable, int, str], Iterable]

REFERENCE = "reference"


def no_progress(iterable: Iterable, total: int, description: str) -> Iterable:
    """A `Progress` that shows nothing."""
    del total, description
    return iterable


@dataclasses.dataclass(frozen=True)
class Plan:
    """How long to measure.

    Attributes:
        rounds: samples of each model, unless time runs out.
        min_rounds: samples of each model, however long they take.
        budget_seconds: no further round is begun after this, once `min_rounds` are done.
        min_sample_ms: a sample repeats quick models for at least this long; models under 30 us
            cannot be timed one invocation at a time.
        references: samples of the reference model in a round.
        seed: of the random orders.
    """

    rounds: int = 150
    min_rounds: int = 20
    budget_seconds: float = 30.0
    min_sample_ms: float = 1.0
    references: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError where the numbers make no plan."""
        if not 2 <= self.min_rounds <= self.rounds:
            raise ValueError(
                "expected 2 <= min_rounds <= rounds; received "
                f"min_rounds {self.min_rounds}, rounds {self.rounds}"
            )
        if self.references < 1:
            raise ValueError(f"references: expected at least 1, received {self.references}")


@dataclasses.dataclass(frozen=True)
class Timing:
    """The statistics of one model, as `latency_models.measurements.Measurement` stores them."""

    latency_ms: float
    p10_ms: float
    p90_ms: float
    count: int
    coefficient_of_variation: float
    relative_latency: float
    half_relative_latencies: tuple[float, float]
    reference_ms: float


def measure(
    device: devices.Device,
    models: Mapping[str, bytes],
    reference: bytes,
    plan: Plan | None = None,
    progress: Progress = no_progress,
) -> dict[str, Timing]:
    """Times `models` on `device`, interleaved with `reference`.

    Args:
        device: where.
        models: contents of `.tflite` files by key; `reference` is not a key.
        reference: content of the reference model.
        plan: how long; default `Plan()`.
        progress: shows the rounds.
    """
    plan = plan or Plan()
    samples: dict[str, list[float]] = {key: [] for key in models}
    references: list[float] = []
    generator = np.random.default_rng(plan.seed)
    sequence = [*models, *[REFERENCE] * plan.references]
    with device.session({**models, REFERENCE: reference}, plan.min_sample_ms) as session:
        for _ in progress(_rounds(plan), plan.rounds, "timing"):
            of_round: list[float] = []
            for i in generator.permutation(len(sequence)):
                sample = session.sample_ms(sequence[i])
                (of_round if sequence[i] == REFERENCE else samples[sequence[i]]).append(sample)
            references.append(float(np.median(of_round)))
    return {key: summarize(values, references) for key, values in samples.items()}


def _rounds(plan: Plan) -> Iterator[int]:
    begin = time.monotonic()
    for i in range(plan.rounds):
        if i >= plan.min_rounds and time.monotonic() - begin > plan.budget_seconds:
            return
        yield i


def summarize(samples_ms: Sequence[float], references_ms: Sequence[float]) -> Timing:
    """The statistics of one model.

    Args:
        samples_ms: one a round.
        references_ms: the reference model's, one a round; at least two rounds.
    """
    samples, references = np.asarray(samples_ms), np.asarray(references_ms)
    relative = samples / references
    p10, median, p90 = np.percentile(samples, (10, 50, 90))
    return Timing(
        latency_ms=float(median),
        p10_ms=float(p10),
        p90_ms=float(p90),
        count=len(samples),
        coefficient_of_variation=float(samples.std() / samples.mean()),
        relative_latency=float(np.median(relative)),
        half_relative_latencies=(
            float(np.median(relative[::2])),
            float(np.median(relative[1::2])),
        ),
        reference_ms=float(np.median(references)),
    )
