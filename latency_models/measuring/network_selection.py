"""Chooses which whole networks of a space are timed."""

from __future__ import annotations

import collections
from collections.abc import Sequence

import numpy as np

from latency_models.measuring import part_selection
from nas.architecture import counting
from nas.architecture.blocks import Slot
from nas.architecture.specs import Child, SearchSpace

# Fewer networks would say little about single blocks (see `latency_models.models.in_context`).
DEFAULT_NETWORKS = 48
# A regression learns less from networks, but their parts come from many more options.
DESIGNED_NETWORKS = 64


def default_count(space: SearchSpace) -> int:
    """Returns how many networks of `space` are timed by default: all of a small one."""
    usual = DESIGNED_NETWORKS if part_selection.is_designed(space) else DEFAULT_NETWORKS
    return min(usual, space.cardinality)


def sample_networks(space: SearchSpace, count: int | None = None, seed: int = 0) -> list[Child]:
    """Draws different children of `space`, spread from the fewest multiply-accumulates to the most.

    The first two are the extremes. For the others, every decision is drawn at random. The
    distribution changes from network to network: the first ones favour cheap options, the last ones
    expensive options. Over all networks the draws of each decision are spread evenly (a Latin
    hypercube: McKay, Beckman and Conover 1979), so every option occurs about equally often. In a
    space with width decisions or several resolutions every option occurs, if `count` allows it.

    Args:
        space: the search space.
        count: number of networks; `default_count(space)` if not given.
        seed: seed of the draws.

    Raises:
        ValueError: `count` is less than two or larger than the space.
    """
    count = default_count(space) if count is None else count
    if not 2 <= count <= space.cardinality:
        raise ValueError(
            f"networks: expected 2 to {space.cardinality}, the networks in {space.name}; "
            f"received {count}"
        )
    ranked = _options_by_cost(space)
    generator = np.random.default_rng(seed)
    chosen = [tuple(r[0] for r in ranked), tuple(r[-1] for r in ranked)]
    leanings = iter((2.0 ** np.linspace(1.5, -1.5, count - 2)).tolist())
    leaning = next(leanings, 1.0)
    # Imported here, since it takes half a second and `--help` does not need it.
    from scipy.stats import qmc

    even = iter(qmc.LatinHypercube(len(ranked), rng=generator).random(count))
    while len(chosen) < count:
        draws = next(even, None)
        draws = generator.uniform(size=len(ranked)) if draws is None else draws
        places = draws**leaning
        choice = tuple(r[int(x * len(r))] for r, x in zip(ranked, places, strict=True))
        if choice in chosen:
            leaning = 1.0  # A small space first runs out of very cheap and very expensive networks.
            continue
        chosen.append(choice)
        leaning = next(leanings, 1.0)
    if part_selection.is_designed(space):
        _add_missing(chosen, space.option_counts)
    return [space.child(choice, f"{space.name}_{i}") for i, choice in enumerate(chosen)]


def _add_missing(chosen: list[tuple[int, ...]], option_counts: Sequence[int]) -> None:
    """Puts options that no network has in place of the most frequent ones, except in the extremes.

    An option in the middle of a decision with many is rare, since most networks lean to one end.
    """
    for row, count in enumerate(option_counts):
        for option in range(count):
            frequencies = collections.Counter(choice[row] for choice in chosen)
            if frequencies[option]:
                continue
            order = sorted(range(2, len(chosen)), key=lambda i: -frequencies[chosen[i][row]])
            for i in order:
                changed = (*chosen[i][:row], option, *chosen[i][row + 1 :])
                # An option that occurs once would be missing instead.
                if frequencies[chosen[i][row]] > 1 and changed not in chosen:
                    chosen[i] = changed
                    break


def _options_by_cost(space: SearchSpace) -> list[list[int]]:
    """For every decision, its options in ascending order of multiply-accumulates."""
    costs: list[Sequence[int]] = []
    for layer, resolution in space.largest.places:
        if isinstance(layer, Slot):
            costs.append([counting.block_macs(block, resolution) for block in layer.blocks])
    costs += space.widths.values()
    costs += [space.resolutions] if space.resolution_row is not None else []
    return [sorted(range(len(own)), key=own.__getitem__) for own in costs]
