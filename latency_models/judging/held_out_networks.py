"""Evaluates a latency model on whole networks it was not fitted to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from latency_models.measuring import parts
from latency_models.measuring.measurements import Measurement
from latency_models.models import evaluation
from latency_models.models.fitted import LatencyModel
from nas.architecture.specs import Child, SearchSpace

# Number of fastest networks, and of slowest networks.
EXTREMES = 2
_MOST_DRAWS = 10_000


def sample(
    model: LatencyModel,
    space: SearchSpace,
    count: int,
    fitted: Collection[str],
    children: Sequence[Child] = (),
    seed: int = 0,
) -> dict[str, list[Child]]:
    """Chooses different networks of `space`, by group.

    Args:
        model: predicts which networks are fast and which are slow.
        space: the space with the measured task.
        count: total number of networks, including `children`.
        fitted: keys of the networks to exclude, since the model was fitted to them.
        children: networks to add, for example searched ones.
        seed: seed of the uniform draws.

    Returns:
        `extremes`, the fastest and slowest networks by prediction; `children`, unless there are
        none; and `uniform`, the rest, drawn uniformly from the space.

    Raises:
        ValueError: the model was fitted to a child or does not cover it, or `count` is too small
            or larger than the space.
    """
    taken = set(fitted)
    for child in children:
        if parts.network_part(child).key in taken:
            raise ValueError(
                f"children: expected different networks that the model was not fitted to, "
                f"received {child.name}, which was used or given twice; leave it out"
            )
        model.predict(child)
        taken.add(parts.network_part(child).key)
    from nas.choices import ordered_networks

    costs = model.costs(space)
    extremes = []
    for slow in (False, True):
        ordered = (space.child(choice) for choice in ordered_networks.by_cost(costs, slow))
        extremes += _first(ordered, EXTREMES, taken, space)
    drawn = count - len(extremes) - len(children)
    if drawn < 1:
        raise ValueError(
            f"networks: expected more than {len(extremes) + len(children)}, the extremes and the "
            f"children; received {count}"
        )
    generator = np.random.default_rng(seed)
    uniform = _first(_drawn(space, generator), drawn, taken, space)
    groups = {"uniform": uniform, "extremes": extremes, "children": list(children)}
    return {name: networks for name, networks in groups.items() if networks}


def with_task_of(space: SearchSpace, child: Child) -> Child:
    """Returns `child` with the classes, channels and resolution of `space`.

    If the resolution is a decision, the child keeps its own where it is one of them, and otherwise
    gets the largest.
    """
    is_own = child.resolution in space.resolutions
    resolution = child.resolution if is_own else space.largest_resolution
    return child.with_task(space.num_classes, resolution, space.input_channels)


def _first(
    networks: Iterator[Child], count: int, taken: set[str], space: SearchSpace
) -> list[Child]:
    """Returns the first `count` of `networks` whose keys are not in `taken`, and adds the keys."""
    found: list[Child] = []
    for child in networks:
        key = parts.network_part(child).key
        if key not in taken:
            taken.add(key)
            found.append(child)
            if len(found) == count:
                return found
    raise ValueError(
        f"networks: expected {count} more of {space.name} that the model was not fitted to, found "
        f"{len(found)}; ask for fewer networks, or fit to fewer"
    )


def _drawn(space: SearchSpace, generator: np.random.Generator) -> Iterator[Child]:
    for _ in range(_MOST_DRAWS):
        yield space.child([int(generator.integers(count)) for count in space.option_counts])


def compare(
    model: LatencyModel,
    groups: Mapping[str, Sequence[Child]],
    passes: Sequence[Sequence[Measurement]],
) -> dict[str, dict[str, Any]]:
    """Scores a latency model on measured networks.

    Args:
        model: a latency model of any kind that has a reference model.
        groups: networks by group, as `sample` returns them.
        passes: two independent measurements of all networks, in the order of `groups`.

    Returns:
        Scores by group, `all` for the groups together, and `repeats`, which takes the first pass
        as a prediction of the second. No prediction can be shown to have a smaller error than
        `repeats`. Its `spread_over_noise` is the standard deviation of the networks over that of
        one measurement; if it is small, any rank correlation is small too.

    Raises:
        ValueError: the model has no reference model, or another one than the passes.
    """
    for row in (row for rows in passes for row in rows):
        if model.reference_ms_ is None or row.reference != model.reference_:
            raise ValueError(
                f"the latency model of {model.space_} was measured with reference model "
                f"{model.reference_}, the networks with reference model {row.reference}; "
                "benchmark and fit again"
            )
    reference_ms = model.reference_ms_ or np.nan
    times = np.array([[row.normalized_ms(reference_ms) for row in rows] for rows in passes])
    measured = times.mean(axis=0)
    names = [name for name, members in groups.items() for _ in members]
    predicted = np.array([model.predict(c) for members in groups.values() for c in members])
    found = {}
    for name in (*groups, "all"):
        chosen = np.array([name in ("all", own) for own in names])
        found[name] = evaluation.held_out(predicted[chosen], measured[chosen], "mean of two passes")
    found["repeats"] = evaluation.held_out(times[0], times[1], "first pass against second")
    found["repeats"]["spread_over_noise"] = _spread_over_noise(times)
    return found


def _spread_over_noise(times_ms: np.ndarray) -> float | None:
    """Spread over noise of times `[2, networks]`; None if both passes are equal."""
    # The difference of the passes has twice the variance of one pass.
    noise_ms = float(np.sqrt(np.mean((times_ms[0] - times_ms[1]) ** 2) / 2.0))
    return float(times_ms.mean(axis=0).std()) / noise_ms if noise_ms else None
