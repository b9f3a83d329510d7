"""How long to measure, and when a measurement counts as noisy."""

from __future__ import annotations

import dataclasses

# With fewer, whole networks say little about single blocks (`latency_models.models.in_context`).
DEFAULT_NETWORKS = 48


@dataclasses.dataclass(frozen=True)
class Plan:
    """How long to measure.

    Attributes:
        rounds: samples of each model, unless time runs out.
        min_rounds: samples of each model, however long they take.
        extra_rounds: further samples of those models whose variation is above the gate.
        budget_seconds: no further round is begun after this, once `min_rounds` are done.
        min_sample_ms: a sample repeats quick models for at least this long; models under 30 us
            cannot be timed one invocation at a time.
        references: samples of the reference model in a round.
        models_at_once: models of a space that share their rounds; their rows are written together.
        max_variation: the gate: highest coefficient of variation of a row that is not marked as
            noisy.
        seed: of the random orders.
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
        """Raises ValueError where the numbers make no plan."""
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
