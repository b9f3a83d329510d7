"""Interleaved timing, which makes latencies comparable although the machine's speed drifts.

Every round takes one sample of every model in a new random order, with a few samples of the
reference model in between. A relative latency is the median over the rounds of the model's sample
divided by the reference's median in the same round, so anything that slows a whole round cancels.

Samples far from their model's median are left out. If the remaining samples of a model still vary
more than the plan allows, the model gets more rounds. If they vary too much even then, the model
is marked as noisy and kept.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from latency_models import devices
from latency_models.devices.plan import Plan
from latency_models.devices.protocol import REFERENCE
from nas.progress import Track, untracked

# An outlier is more than 5 standard deviations and more than 2 % away from the median. The standard
# deviation is estimated from the median absolute deviation (their ratio is 1.4826 for a normal
# distribution). The 2 % are needed because phones print whole microseconds, so that all samples of
# a fast model but one may be equal.
_OUTLIER_DEVIATIONS = 5.0
_MAD_TO_DEVIATION = 1.4826
_OUTLIER_FLOOR = 0.02
# A model with a larger share of outliers has no single latency and counts as noisy.
_MOST_OUTLIERS = 0.2


@dataclasses.dataclass(frozen=True)
class Timing:
    """Statistics of one model, as `measurements.Measurement` stores them."""

    latency_ms: float
    p10_ms: float
    p90_ms: float
    count: int
    outliers: int
    coefficient_of_variation: float
    noisy: bool
    relative_latency: float
    half_relative_latencies: tuple[float, float]
    reference_ms: float
    conditions: dict[str, Any] = dataclasses.field(default_factory=dict)


class _Samples:
    """Samples of the models and of the reference model in the same rounds, in milliseconds."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.models: dict[str, list[float]] = {key: [] for key in keys}
        self.references: dict[str, list[float]] = {key: [] for key in self.models}

    def add_round(
        self, session: devices.Session, keys: Sequence[str], references: int, order: Any
    ) -> dict[str, str]:
        """Takes one sample of each of `keys`, in random order, with the reference in between.

        Returns:
            The models that could not run, with the reasons; nothing of them is kept.

        Raises:
            DeviceError: the device was lost, or the reference could not run.
        """
        sequence = [*keys, *[REFERENCE] * references]
        of_round: dict[str, list[float]] = {key: [] for key in (*keys, REFERENCE)}
        failed: dict[str, str] = {}
        for i in order.permutation(len(sequence)):
            try:
                of_round[sequence[i]].append(session.sample_ms(sequence[i]))
            except devices.ModelError as error:
                if sequence[i] == REFERENCE:
                    raise _of_reference(error) from error
                failed[sequence[i]] = error.reason
        reference_ms = float(np.median(of_round[REFERENCE]))
        for key in failed:
            del self.models[key], self.references[key]
        for key in keys:
            if key not in failed:
                self.models[key] += of_round[key]
                self.references[key].append(reference_ms)
        return failed

    def timing(self, key: str, plan: Plan) -> Timing:
        return summarize(self.models[key], self.references[key], plan.max_variation)


def measure(
    device: devices.Device,
    models: Mapping[str, bytes],
    reference: bytes,
    plan: Plan | None = None,
    progress: Track = untracked,
    failed: dict[str, str] | None = None,
) -> dict[str, Timing]:
    """Times `models` on `device`, interleaved with `reference`.

    Args:
        device: the device to time on.
        models: contents of `.tflite` files by key; no key may be `reference`.
        reference: content of the reference model.
        plan: how long to time; by default the device's plan.
        progress: shows the rounds.
        failed: takes the models that the device cannot run, with the reasons. The result lacks
            them. If not given, the first of them is an error.

    Raises:
        ModelError: the device cannot run a model, and `failed` is not given.
        DeviceError: the device was lost, or cannot run the reference.
    """
    plan = plan or device.plan
    samples = _Samples(models)
    order = np.random.default_rng(plan.seed)
    with device.session({**models, REFERENCE: reference}, plan.min_sample_ms) as session:

        def add_round(keys: Sequence[str]) -> None:
            for key, reason in samples.add_round(session, keys, plan.references, order).items():
                if failed is None:
                    raise devices.ModelError(device.name, key, reason)
                failed[key] = reason

        for _ in progress(_rounds(plan), plan.rounds, "timing"):
            add_round(list(samples.models))
        noisy = [key for key in samples.models if samples.timing(key, plan).noisy]
        if noisy and plan.extra_rounds:
            for _ in progress(range(plan.extra_rounds), plan.extra_rounds, "timing again"):
                add_round([key for key in noisy if key in samples.models])
        conditions = session.conditions()
    return {
        key: dataclasses.replace(samples.timing(key, plan), conditions=conditions)
        for key in samples.models
    }


def _of_reference(error: devices.ModelError) -> devices.DeviceError:
    """The same error about the reference, without which nothing can be measured."""
    return devices.DeviceError(
        f"{error.device}: expected to run the reference network of every measurement, received "
        f"{error.reason}; without it nothing can be measured: use other flags of the device"
    )


def _rounds(plan: Plan) -> Iterator[int]:
    begin = time.monotonic()
    for i in range(plan.rounds):
        if i >= plan.min_rounds and time.monotonic() - begin > plan.budget_seconds:
            return
        yield i


def summarize(
    samples_ms: Sequence[float], references_ms: Sequence[float], max_variation: float = np.inf
) -> Timing:
    """Computes the statistics of one model.

    Args:
        samples_ms: one sample per round, for at least two rounds.
        references_ms: the reference model's median in each round.
        max_variation: the model counts as noisy if its coefficient of variation is larger, or if
            more than a fifth of its samples are outliers.
    """
    samples, references = np.asarray(samples_ms), np.asarray(references_ms)
    relative = samples / references
    kept = ~outliers(relative)
    halves = [relative[half][kept[half]] for half in (slice(0, None, 2), slice(1, None, 2))]
    p10, median, p90 = np.percentile(samples[kept], (10, 50, 90))
    middle = float(np.median(relative[kept]))
    variation = float(relative[kept].std() / relative[kept].mean())
    return Timing(
        latency_ms=float(median),
        p10_ms=float(p10),
        p90_ms=float(p90),
        count=len(samples),
        outliers=int((~kept).sum()),
        coefficient_of_variation=variation,
        noisy=bool(variation > max_variation or (~kept).mean() > _MOST_OUTLIERS),
        relative_latency=middle,
        # With few rounds, all samples of a half may be outliers; then use all rounds instead.
        half_relative_latencies=(
            float(np.median(halves[0])) if halves[0].size else middle,
            float(np.median(halves[1])) if halves[1].size else middle,
        ),
        reference_ms=float(np.median(references)),
    )


def outliers(values: np.ndarray) -> np.ndarray:
    """A mask of the `values` that are far from their median; at most half of them."""
    middle = np.median(values)
    distance = np.abs(values - middle)
    spread = _MAD_TO_DEVIATION * np.median(distance)
    return distance > max(_OUTLIER_DEVIATIONS * spread, _OUTLIER_FLOOR * abs(middle))
