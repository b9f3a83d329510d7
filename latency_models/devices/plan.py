"""The plan of a measurement: how long to measure, and when a row counts as noisy."""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Plan:
    """How long to measure.

    Attributes:
        rounds: largest number of samples of each model.
        min_rounds: smallest number of samples of each model, however long they take.
        extra_rounds: additional samples of models with a variation above `max_variation`.
        budget_seconds: after this time no further round starts, once `min_rounds` are done.
        min_sample_ms: a sample repeats fast models for at least this long, since models under
            30 us cannot be timed one invocation at a time.
        references: samples of the reference model per round.
        models_at_once: number of models of a space that are timed in the same rounds; their rows
            are written together.
        max_variation: rows with a higher coefficient of variation are marked as noisy.
        seed: seed of the random orders.
    """

    rounds: int = 150
    min_rounds: int = 20
    extra_rounds: int = 0
    budget_seconds: float = 30.0
    min_sample_ms: float = 1.0
    references: int = 5
    models_at_once: int = 64
    max_variation: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError if a number is not allowed."""
        if not 2 <= self.min_rounds <= self.rounds:
            raise ValueError(
                "expected 2 <= min_rounds <= rounds; received "
                f"min_rounds {self.min_rounds}, rounds {self.rounds}"
            )
        for name in ("references", "models_at_once"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, received {getattr(self, name)}")
        if self.extra_rounds < 0:
            raise ValueError(f"extra_rounds: expected at least 0, received {self.extra_rounds}")
        if not self.max_variation > 0.0:
            raise ValueError(f"max_variation: expected more than 0, received {self.max_variation}")

    def seconds(self, models: int) -> tuple[float, float]:
        """Roughly the least and the most seconds that timing `models` takes, apart from conversion.

        The least is for models faster than `min_sample_ms`. Very slow ones, which take longer than
        `budget_seconds` for `min_rounds`, may take longer than the most.
        """
        sizes = [self.models_at_once] * (models // self.models_at_once)
        sizes += [models % self.models_at_once] if models % self.models_at_once else []
        # The first invocation of a sample is not timed.
        per_sample = 1.5 * self.min_sample_ms / 1e3
        least = [self.rounds * (size + self.references) * per_sample for size in sizes]
        return math.fsum(min(s, self.budget_seconds) for s in least), self.budget_seconds * len(
            sizes
        )
