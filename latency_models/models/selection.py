"""Selects the rows that a latency model is fitted to, and computes their common statistics."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pydantic

from latency_models.measuring import row_sets
from latency_models.measuring.measurements import Measurement
from latency_models.models import evaluation
from nas.architecture.specs import Child, SearchSpace

MIN_NETWORKS = 4


def check_alike(rows: Sequence[Measurement]) -> None:
    """Refuses rows that were not measured in the same way.

    Raises:
        ValueError: the rows have several recipes, environments or reference models.
    """
    sets = row_sets.of(rows)
    if len(sets) > 1:
        first = row_sets.differences(sets[:2])
        name = next((name for name in ("recipe", "reference") if name in first), "environment")
        raise ValueError(
            f"measurements: expected rows of one {name}, received {len(sets)} sets: "
            f"{row_sets.described(sets)}; fit one latency model for each"
        )


def networks(
    rows: Iterable[Measurement], space: SearchSpace | None = None
) -> tuple[list[Measurement], list[Child]]:
    """The rows of whole networks and these networks; if `space` is given, only those of `space`.

    Raises:
        ValueError: there are fewer than `MIN_NETWORKS`.
    """
    found, children = [], []
    for row in rows:
        if row.kind != "network" or row.spec is None:
            continue
        child = pydantic.TypeAdapter(Child).validate_json(json.dumps(row.spec), strict=True)
        if space is None or _is_of(space, child):
            found.append(row)
            children.append(child)
    if len(found) < MIN_NETWORKS:
        raise ValueError(
            f"measurements: expected at least {MIN_NETWORKS} whole networks"
            f"{f' of {space.name}' if space else ''}, received {len(found)}; "
            "run tools.benchmark --space with more --networks"
        )
    return found, children


def _is_of(space: SearchSpace, child: Child) -> bool:
    # A measured network has no dropout, since dropout does nothing at inference.
    head = dataclasses.replace(space.head, dropout=child.head.dropout)
    try:
        dataclasses.replace(space, head=head).choices(child)
    except ValueError:
        return False
    return True


def reference_ms(rows: Iterable[Measurement]) -> float:
    """Median of the reference model's milliseconds over all `rows`."""
    return float(np.median([row.reference_ms for row in rows]))


def repeats(rows: Sequence[Measurement], reference_ms: float) -> dict[str, Any]:
    """Scores one half of each row's rounds as a prediction of the other half."""
    halves = np.array([row.half_relative_latencies for row in rows]) * reference_ms
    method = "even rounds of the measurement against odd ones"
    return evaluation.held_out(halves[:, 0], halves[:, 1], method)


def repeat_error(rows: Sequence[Measurement]) -> float:
    """Relative standard error of a row, estimated from the difference of its two halves.

    The difference of the halves has four times the variance of a median over all rounds.
    """
    halves = np.array([row.half_relative_latencies for row in rows])
    return float(np.sqrt(np.mean((halves[:, 0] / halves[:, 1] - 1.0) ** 2)) / 2.0)
