"""Which rows a latency model is fitted on, and what they say together."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pydantic

from latency_models.measuring.measurements import Measurement
from latency_models.models import evaluation
from nas.architecture.specs import Child, SearchSpace

MIN_NETWORKS = 4


def check_alike(rows: Sequence[Measurement]) -> None:
    """Refuses rows that were not taken in the same way.

    Raises:
        ValueError: rows of several recipes, environments or reference models.
    """
    for name in ("recipe", "reference", "environment"):
        values = [getattr(row, name) for row in rows]
        different = [value for i, value in enumerate(values) if value not in values[:i]]
        if len(different) > 1:
            raise ValueError(
                f"measurements: expected rows of one {name}, received {different[0]} and "
                f"{different[1]}; fit one latency model for each"
            )


def networks(
    rows: Iterable[Measurement], space: SearchSpace | None = None
) -> tuple[list[Measurement], list[Child]]:
    """The rows of whole networks, of `space` alone if it is given, and the networks.

    Raises:
        ValueError: fewer than `MIN_NETWORKS`.
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
    # A measured network carries no dropout, which does nothing at inference.
    head = dataclasses.replace(space.head, dropout=child.head.dropout)
    try:
        dataclasses.replace(space, head=head).choices(child)
    except ValueError:
        return False
    return True


def reference_ms(rows: Iterable[Measurement]) -> float:
    """The reference model's milliseconds over all `rows`."""
    return float(np.median([row.reference_ms for row in rows]))


def repeats(rows: Sequence[Measurement], reference_ms: float) -> dict[str, Any]:
    """Scores of one half of each row's rounds as a prediction of the other half."""
    halves = np.array([row.half_relative_latencies for row in rows]) * reference_ms
    method = "even rounds of the measurement against odd ones"
    return evaluation.held_out(halves[:, 0], halves[:, 1], method)


def repeat_error(rows: Sequence[Measurement]) -> float:
    """Relative standard error of a row, from the difference of its two halves.

    The two halves' difference has four times the variance of a median over all rounds.
    """
    halves = np.array([row.half_relative_latencies for row in rows])
    return float(np.sqrt(np.mean((halves[:, 0] / halves[:, 1] - 1.0) ** 2)) / 2.0)
